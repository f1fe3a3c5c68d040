import type { Installation } from '../installation.js';
import { fillLanes } from '../jobs/fill-lanes.js';
import { emptyLanes } from '../redis/lane-contents.js';

/** Of 5,000 jobs each. The sweep does what is beyond: whoever resumes a queue waits for this. */
const MOST_PAGES = 20;

/**
 * After a pause some of a queue's ready jobs are in the lanes, many are not: claims dropped their ids, and what fell due was
 * not dispatched. So the lanes are emptied and filled anew, in order, from PostgreSQL. Every id in a lane is of a committed
 * row, which the pages read afterwards see: nothing is lost in between, and if this ends half way, the sweep fills them. Safe
 * to do twice, also at the same time.
 *
 * @throws PostgresError, or an error of Redis
 */
export async function dispatchResumed(installation: Installation, queue: string): Promise<void> {
  const { lanes } = installation;
  // Without Redis workers look into PostgreSQL all the time.
  if (!lanes) return;
  await emptyLanes(lanes, queue);
  await fillLanes(installation, lanes, { queue, jobTypes: null, readyForMs: 0 }, MOST_PAGES);
}
