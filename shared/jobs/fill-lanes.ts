import type { Installation } from '../installation.js';
import { markKnown, readHandoff, readKnowledge } from '../redis/lane-contents.js';
import type { Lanes } from '../redis/lanes.js';
import { pushJobs } from './dispatch-jobs.js';
import { findFirstKnown } from './find-first-known.js';
import {
  LANE_END,
  LANE_START,
  readLaneHeads,
  readLanePage,
  type LanePosition,
  type ReadyFilter,
} from './read-ready.js';

const PAGE = 5_000;

/**
 * For a queue that Redis may have forgotten, or that is new: what is ready and older than what its lanes hold is pushed, urgent
 * lanes first, and the queue is marked as known. Newer submits may already be in, all of a new queue among them; what is missing
 * behind the first of them, the sweeps find. Of a queue that is marked as filled in part all is pushed. What ends it half way,
 * `mostPages` too, leaves that mark: the next sweep begins again.
 *
 * @returns how many were pushed. @throws PostgresError, or an error of Redis
 */
export async function fillLanes(
  installation: Installation,
  lanes: Lanes,
  filter: ReadyFilter,
  mostPages = Infinity,
): Promise<number> {
  const { db } = installation;
  const everything = { ...filter, readyForMs: 0 };
  const heads = await readLaneHeads(db, everything, '-infinity');
  const known = new Map<number, LanePosition>();
  for (const { priority } of heads)
    known.set(priority, await findFirstKnown(installation, lanes, filter, priority));
  // What we saw may be somebody else's filling, of which only he knows whether it will be finished.
  if ((await readKnowledge(lanes, filter.queue)) === 'partly') known.clear();
  let pushed = 0;
  let pages = 0;
  for (const { priority } of heads) {
    const before = known.get(priority) ?? LANE_END;
    const handedOff = new Set(await readHandoff(lanes, filter.queue));
    let after = LANE_START;
    for (;;) {
      if (pages++ >= mostPages) return pushed;
      const page = await readLanePage(db, everything, priority, { after, before, limit: PAGE });
      const missing = page.filter(({ id }) => !handedOff.has(id));
      if (missing.length > 0) {
        // First of all: who finds the oldest there must know whether the rest is.
        if (pushed === 0) await markKnown(lanes, filter.queue, false);
        // The oldest go before what was submitted since; behind them, the order is nearly kept.
        await pushJobs(lanes, filter.queue, missing, after === LANE_START ? 'front' : 'back');
        pushed += missing.length;
      }
      after = page.at(-1) ?? after;
      if (page.length < PAGE) break;
    }
  }
  await markKnown(lanes, filter.queue, true);
  return pushed;
}
