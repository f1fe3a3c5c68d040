import type { Installation } from '../installation.js';
import { readLaneFront } from '../redis/lane-contents.js';
import { toIds } from '../redis/lane-ids.js';
import type { Lanes } from '../redis/lanes.js';
import { findFirstValid } from './find-first-valid.js';
import { LANE_END, readLanePage, type LanePosition, type ReadyFilter } from './read-ready.js';

/** Jobs of PostgreSQL that are looked for in Redis, and entries of the lane among which they should be: batches overtake each other. */
const SAMPLE = 500;
const WINDOW = 20 * SAMPLE;
/** Some are on their way, or in the hands of a worker. */
const TOLERANCE = 0.1;

/**
 * Where what Redis holds of a lane begins, if its front has what PostgreSQL says comes next; else LANE_END: a single old job that was
 * released after Redis forgot all others says nothing about them.
 */
export async function findFirstKnown(
  installation: Installation,
  lanes: Lanes,
  filter: ReadyFilter,
  priority: number,
): Promise<LanePosition> {
  // Read before the rest: what is taken, or claimed, meanwhile is not missed.
  const held = new Set(toIds(await readLaneFront(lanes, filter.queue, priority, WINDOW)));
  const first = await findFirstValid(installation, lanes, filter.queue, priority);
  if (first === LANE_END) return LANE_END;
  const range = { after: { ...first, id: first.id - 1 }, before: LANE_END, limit: SAMPLE };
  const sample = await readLanePage(installation.db, filter, priority, range);
  const missing = sample.filter(({ id }) => !held.has(id));
  return missing.length <= sample.length * TOLERANCE ? first : LANE_END;
}
