import type { Installation } from '../installation.js';
import { markEpoch } from '../redis/lane-contents.js';
import type { Lanes } from '../redis/lanes.js';
import { pushJobs } from './dispatch-jobs.js';
import { LANE_END, LANE_START, readLaneHeads, readLanePage, type ReadyFilter } from './read-ready.js';

const PAGE = 5_000;

export interface Filling {
  readonly pushed: number;
  /** False: `mostPages` ended it; the queue stays unmarked, and the sweep begins again. */
  readonly isComplete: boolean;
}

/**
 * For lanes that Redis does not know: everything ready is pushed, urgent lanes first, and the queue is marked as known.
 * Newer submits may already be in. A push that fails ends it, unmarked: the next sweep begins again.
 *
 * @throws PostgresError, or an error of Redis
 */
export async function fillLanes(
  installation: Installation,
  lanes: Lanes,
  filter: ReadyFilter,
  mostPages = Infinity,
): Promise<Filling> {
  const { db } = installation;
  const everything = { ...filter, readyForMs: 0 };
  let pushed = 0;
  let pages = 0;
  for (const { priority } of await readLaneHeads(db, everything, '-infinity')) {
    let after = LANE_START;
    for (;;) {
      if (pages++ >= mostPages) return { pushed, isComplete: false };
      const range = { after, before: LANE_END, limit: PAGE };
      const page = await readLanePage(db, everything, priority, range);
      // The oldest go before what was submitted since; behind them, the order is nearly kept.
      await pushJobs(lanes, filter.queue, page, after === LANE_START ? 'front' : 'back');
      pushed += page.length;
      after = page.at(-1) ?? after;
      if (page.length < PAGE) break;
    }
  }
  await markEpoch(lanes, filter.queue);
  return { pushed, isComplete: true };
}
