import { toIds } from './lane-ids.js';
import type { Lanes } from './lanes.js';

const CHUNK = 10_000;

/** The ids of a list that are numbers, a chunk at a time, so that a long lane is never in memory as a whole. */
async function* readList(lanes: Lanes, key: string): AsyncGenerator<number[]> {
  for (let start = 0; ; start += CHUNK) {
    const chunk = await lanes.connection.lrange(key, start, start + CHUNK - 1);
    if (chunk.length > 0) yield toIds(chunk);
    if (chunk.length < CHUNK) return;
  }
}

/**
 * Removes from `ids` every id that is on its way in Redis: in the lane, the handoff, the suspects' lane or the
 * processing list of a live worker. What remains is missing.
 */
export async function removePresent(
  lanes: Lanes,
  queue: string,
  priority: number,
  liveWorkers: ReadonlySet<string>,
  ids: Set<number>,
): Promise<void> {
  const keys = lanes.keys(queue);
  const owners = (await lanes.connection.smembers(keys.owners)).filter((owner) => liveWorkers.has(owner));
  // Where ids rest briefly is read before the long lane, and again after it: none slips past while it moves on.
  const brief = [keys.handoff, keys.suspects, ...owners.map((owner) => keys.processing(owner))];
  const lists = [...brief, keys.lane(priority), ...brief];
  for (const list of lists) {
    for await (const chunk of readList(lanes, list)) {
      for (const id of chunk) ids.delete(id);
      if (ids.size === 0) return;
    }
  }
}

/** Entries of a list from its old end on: those that came first, the first one first. */
const readOldest = async (lanes: Lanes, key: string, count: number): Promise<string[]> =>
  (await lanes.connection.lrange(key, -count, -1)).reverse();

/** The oldest entries of a lane: those that leave it next, the next one first. */
export const readLaneFront = (
  lanes: Lanes,
  queue: string,
  priority: number,
  count: number,
): Promise<string[]> => readOldest(lanes, lanes.keys(queue).lane(priority), count);

/** What is in a worker's processing list, the oldest first; garbage, too. */
export const readProcessing = (lanes: Lanes, queue: string, workerId: string): Promise<string[]> =>
  readOldest(lanes, lanes.keys(queue).processing(workerId), Number.MAX_SAFE_INTEGER);

/** The id that the next idle worker gets, if there is one. */
export const readHandoff = async (lanes: Lanes, queue: string): Promise<number[]> =>
  toIds(await lanes.connection.lrange(lanes.keys(queue).handoff, 0, -1));

/** Drops what no worker could claim from the front of a lane, as far as it is still there; the next entry first. */
export async function dropFromLane(
  lanes: Lanes,
  queue: string,
  priority: number,
  entries: readonly string[],
): Promise<void> {
  await lanes.connection.holdfastDropFront(lanes.keys(queue).lane(priority), ...entries);
}

/** `unknown`: Redis forgot the queue, or it is new. `partly`: somebody fills it, or did not finish. */
export type Knowledge = 'unknown' | 'partly' | 'known';

const PARTLY = 'partly';

export async function readKnowledge(lanes: Lanes, queue: string): Promise<Knowledge> {
  const epoch = await lanes.connection.get(lanes.keys(queue).epoch);
  if (epoch === null) return 'unknown';
  return epoch === PARTLY ? 'partly' : 'known';
}

/** Says that this Redis has been filled from PostgreSQL. */
export async function markKnown(lanes: Lanes, queue: string, isComplete: boolean): Promise<void> {
  await lanes.connection.set(lanes.keys(queue).epoch, isComplete ? Date.now() : PARTLY);
}

/**
 * Drops what waits in the lanes, and marks the queue as one that is not filled: whoever calls this fills them anew, or else the
 * sweep does. What workers hold already stays.
 */
export async function emptyLanes(lanes: Lanes, queue: string): Promise<void> {
  const keys = lanes.keys(queue);
  await markKnown(lanes, queue, false);
  const priorities = await lanes.connection.zrange(keys.lanes, '0', '-1');
  const waiting = priorities.map((priority) => keys.lane(Number(priority)));
  await lanes.connection.unlink([keys.suspects, ...waiting]);
}

/** Workers that have, or had, a processing list for the queue. */
export async function readOwners(lanes: Lanes, queue: string): Promise<string[]> {
  return lanes.connection.smembers(lanes.keys(queue).owners);
}
