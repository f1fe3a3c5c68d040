import type { Installation } from '../installation.js';
import { dropFromLane, readLaneFront } from '../redis/lane-contents.js';
import { toIds } from '../redis/lane-ids.js';
import type { Lanes } from '../redis/lanes.js';
import { LANE_END, readValid, type LanePosition } from './read-ready.js';

/** Entries of a lane that are looked at together. */
const FRONT = 500;

/**
 * The position of the lane's first entry that is ready, LANE_END when there is none; entries in front of it that are not are
 * dropped.
 */
export async function findFirstValid(
  installation: Installation,
  lanes: Lanes,
  queue: string,
  priority: number,
): Promise<LanePosition> {
  for (;;) {
    const entries = await readLaneFront(lanes, queue, priority, FRONT);
    const ids = toIds(entries);
    const valid = await readValid(installation.db, queue, ids);
    const first = entries.findIndex((entry) => valid.has(Number(entry)));
    const invalid = first === -1 ? entries : entries.slice(0, first);
    if (invalid.length > 0) await dropFromLane(lanes, queue, priority, invalid);
    const position = valid.get(Number(entries[first]));
    if (position) return position;
    if (entries.length < FRONT) return LANE_END;
  }
}
