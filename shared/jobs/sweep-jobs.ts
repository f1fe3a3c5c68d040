import type { Installation } from '../installation.js';
import { readKnowledge, readOwners, removePresent } from '../redis/lane-contents.js';
import { toIds } from '../redis/lane-ids.js';
import type { Lanes } from '../redis/lanes.js';
import { dispatchReadyOf, pushJobs } from './dispatch-jobs.js';
import { fillLanes } from './fill-lanes.js';
import { findFirstValid } from './find-first-valid.js';
import {
  readLaneHeads,
  readLanePage,
  readWatermark,
  type LanePosition,
  type ReadyFilter,
} from './read-ready.js';

const PAGE = 5_000;
/** Younger jobs may be between their COMMIT and their push. */
const READY_FOR_MS = 2_000;

/**
 * Puts back what Redis forgot, and drains the processing lists of workers that are gone. With a backlog nobody is idle, so
 * nobody polls: without this a forgotten job would wait for the end.
 *
 * @param jobTypes what live workers of the queue handle; null when it has none, and jobs of all types wait
 * @returns how many ids were missing. @throws PostgresError, or an error of Redis
 */
export async function sweepQueue(
  installation: Installation,
  queue: string,
  jobTypes: readonly string[] | null,
  liveWorkers: ReadonlySet<string>,
): Promise<number> {
  const { lanes, events } = installation;
  if (!lanes) return 0;
  await drainDeadOwners(installation, lanes, queue, liveWorkers);
  const filter: ReadyFilter = { queue, jobTypes, readyForMs: READY_FOR_MS };
  if ((await readKnowledge(lanes, queue)) !== 'known') {
    const pushed = await fillLanes(installation, lanes, filter);
    if (pushed > 0) events.emit('swept', { queue, missing: pushed, rebuilt: true });
    return pushed;
  }
  let missing = 0;
  for (const head of await readLaneHeads(installation.db, filter, await readWatermark(installation.db))) {
    missing += await sweepLane(installation, lanes, filter, head.priority, head, liveWorkers);
  }
  if (missing > 0) events.emit('swept', { queue, missing, rebuilt: false });
  return missing;
}

/** A take by a worker that died before it claimed; or a list that an old file of Redis brought back. */
async function drainDeadOwners(
  installation: Installation,
  lanes: Lanes,
  queue: string,
  live: ReadonlySet<string>,
): Promise<void> {
  for (const owner of await readOwners(lanes, queue)) {
    if (live.has(owner)) continue;
    const ids = toIds(await lanes.drain(queue, owner));
    await dispatchReadyOf(installation, ids, 'front');
  }
}

/**
 * Suspicion by order: a lane is roughly first in, first out, so that ready jobs older than its first valid entry may be
 * missing. Proof by comparison with everything in Redis that could hold them.
 */
async function sweepLane(
  installation: Installation,
  lanes: Lanes,
  filter: ReadyFilter,
  priority: number,
  head: LanePosition,
  liveWorkers: ReadonlySet<string>,
): Promise<number> {
  const before = await findFirstValid(installation, lanes, filter.queue, priority);
  let missing = 0;
  // The head itself may be missing: start just before it.
  let after: LanePosition = { readyAt: head.readyAt, id: head.id - 1 };
  for (;;) {
    const suspects = await readLanePage(installation.db, filter, priority, { after, before, limit: PAGE });
    if (suspects.length > 0)
      missing += await pushMissing(lanes, filter.queue, priority, suspects, liveWorkers);
    after = suspects.at(-1) ?? after;
    if (suspects.length < PAGE) return missing;
  }
}

type Suspects = Awaited<ReturnType<typeof readLanePage>>;

async function pushMissing(
  lanes: Lanes,
  queue: string,
  priority: number,
  suspects: Suspects,
  liveWorkers: ReadonlySet<string>,
): Promise<number> {
  const ids = new Set(suspects.map(({ id }) => id));
  await removePresent(lanes, queue, priority, liveWorkers, ids);
  const missing = suspects.filter(({ id }) => ids.has(id));
  if (missing.length > 0) await pushJobs(lanes, queue, missing, 'front');
  return missing.length;
}
