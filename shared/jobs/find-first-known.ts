import type { Installation } from '../installation.js';
import { readLaneFront, toIds } from '../redis/lane-contents.js';
import type { Lanes } from '../redis/lanes.js';
import { findFirstValid } from './find-first-valid.js';
import { LANE_END, readLanePage, readValid, type LanePosition, type ReadyFilter } from './read-ready.js';

/** Entries of a lane that are compared with PostgreSQL. */
const SAMPLE = 500;
/** Submitters' pushes overtake each other by a little. */
const TOLERANCE = 0.1;

/**
 * Where what Redis holds of a lane begins, if its front is as dense as the jobs of PostgreSQL there are; else LANE_END: a single old
 * job that was released after Redis forgot all others says nothing about them.
 */
export async function findFirstKnown(
  installation: Installation,
  lanes: Lanes,
  filter: ReadyFilter,
  priority: number,
): Promise<LanePosition> {
  const first = await findFirstValid(installation, lanes, filter.queue, priority);
  if (first === LANE_END) return LANE_END;
  // In this order: what is claimed meanwhile is no longer ready, and not missed.
  const front = toIds(await readLaneFront(lanes, filter.queue, priority, SAMPLE));
  const valid = await readValid(installation.db, filter.queue, front);
  const held = front.flatMap((id) => valid.get(id) ?? []);
  const begin = held[0] ?? first;
  const end = front.length < SAMPLE ? LANE_END : (held.at(-1) ?? first);
  const range = {
    after: { ...begin, id: begin.id - 1 },
    before: { ...end, id: end.id + 1 },
    limit: 2 * SAMPLE,
  };
  const ready = await readLanePage(installation.db, filter, priority, range);
  return ready.length <= held.length * (1 + TOLERANCE) ? first : LANE_END;
}
