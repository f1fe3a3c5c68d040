import type { Installation } from '../installation.js';
import { markKnown, readHandoff } from '../redis/lane-contents.js';
import type { Lanes } from '../redis/lanes.js';
import { pushJobs } from './dispatch-jobs.js';
import { findFirstValid } from './find-first-valid.js';
import { LANE_END, LANE_START, readLaneHeads, readLanePage, type ReadyFilter } from './read-ready.js';

const PAGE = 5_000;

export interface FillingOptions {
  /** The oldest were pushed before, and the rest was not: all of it is pushed, and those a second time. Default false. */
  readonly isPartlyFilled?: boolean;
  /** Then it ends, and the next sweep does all of it. Default: no limit. */
  readonly mostPages?: number;
}

/**
 * For a queue that Redis may have forgotten, or that is new: what is ready and older than all that its lanes hold is pushed, urgent
 * lanes first, and the queue is marked as known. Newer submits may already be in, all of a new queue among them; what is missing
 * behind the first of them, the sweeps find. What ends it half way leaves a mark: the next sweep begins again.
 *
 * @returns how many were pushed. @throws PostgresError, or an error of Redis
 */
export async function fillLanes(
  installation: Installation,
  lanes: Lanes,
  filter: ReadyFilter,
  { isPartlyFilled = false, mostPages = Infinity }: FillingOptions = {},
): Promise<number> {
  const { db } = installation;
  const everything = { ...filter, readyForMs: 0 };
  let pushed = 0;
  let pages = 0;
  for (const { priority } of await readLaneHeads(db, everything, '-infinity')) {
    const before = isPartlyFilled
      ? LANE_END
      : await findFirstValid(installation, lanes, filter.queue, priority);
    const handedOff = new Set(await readHandoff(lanes, filter.queue));
    let after = LANE_START;
    for (;;) {
      if (pages++ >= mostPages) return pushed;
      const page = await readLanePage(db, everything, priority, { after, before, limit: PAGE });
      const missing = page.filter(({ id }) => !handedOff.has(id));
      // First of all: who finds the oldest there must know whether the rest is.
      if (missing.length > 0 && pushed === 0) await markKnown(lanes, filter.queue, false);
      // The oldest go before what was submitted since; behind them, the order is nearly kept.
      if (missing.length > 0)
        await pushJobs(lanes, filter.queue, missing, after === LANE_START ? 'front' : 'back');
      pushed += missing.length;
      after = page.at(-1) ?? after;
      if (page.length < PAGE) break;
    }
  }
  await markKnown(lanes, filter.queue, true);
  return pushed;
}
