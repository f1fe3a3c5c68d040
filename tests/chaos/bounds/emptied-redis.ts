import { setTimeout as wait } from 'node:timers/promises';
import { submitJobsIn } from '../../../shared/jobs/submit-jobs.js';
import type { Effect } from '../world/ledger.js';
import type { World } from '../world/world.js';
import { defineBound, type Bound, type Say } from './bound.js';
import { EffectLog } from './run/effect-log.js';
import { defaultWorkers, inWorld, SLOTS } from './run/in-world.js';

const WORKERS = 3;
const HANDLER_MS = 400;
/** Enough for more than a minute of all the slots; the urgent ones for thirteen seconds. */
const BACKLOG = 3_000;
const URGENT = 500;
/** So many urgent ones run before the fault: those left have then waited as long as an idle poll wants. */
const URGENT_BEFORE = 100;
const WATCHED_MS = 10_000;
const OBSERVED = 100;

/** Redis forgets everything while jobs wait and workers have their hands full. */
const emptiedRedis = (name: string, what: string, empty: (world: World) => Promise<unknown>): Bound =>
  defineBound({
    name,
    what,
    quantities: {
      busyMs: { what: 'until all slots of all workers are busy again', unit: 'ms', limit: 5_000 },
      // One take in sixteen serves the lane that has waited longest, so that low priorities move.
      notUrgent: { what: `not urgent among the next ${OBSERVED} to begin`, unit: '%', limit: 10 },
    },
    measure: (say: Say) =>
      inWorld({ cast: defaultWorkers(WORKERS), say }, async (world) => {
        const effects = new EffectLog(world);
        await submitJobsIn(world.db, slowJobs('usual', BACKLOG, 50));
        await effects.untilCount(2 * WORKERS * SLOTS);
        await submitJobsIn(world.db, slowJobs('urgent', URGENT, 90));
        const urgentOf = (all: readonly Effect[]) => all.filter(({ ref }) => ref.startsWith('urgent'));
        await effects.until('urgent jobs run', (all) => urgentOf(all).length >= URGENT_BEFORE);
        const pids = world.members.map(({ process }) => process.pid as number);
        const emptiedAt = Date.now();
        await empty(world);
        say('Redis holds nothing');
        await wait(WATCHED_MS);
        const after = (await effects.read()).filter(({ at }) => at > emptiedAt);
        const observed = after.slice(0, OBSERVED);
        return {
          busyMs: Math.max(...pids.map((pid) => findBusyAt(after, pid) - emptiedAt)),
          notUrgent: (100 * (OBSERVED - urgentOf(observed).length)) / OBSERVED,
        };
      }),
  });

const slowJobs = (name: string, count: number, priority: number) =>
  Array.from({ length: count }, (_, index) => ({
    jobType: 'slow',
    payload: { ref: `${name}${index}`, ms: HANDLER_MS },
    priority,
  }));

/** From when on the process began, in every time of two handlers, as many jobs as it has slots, until the end; Infinity: never. */
function findBusyAt(effects: readonly Effect[], pid: number): number {
  const starts = effects.filter((effect) => effect.pid === pid).map(({ at }) => at);
  const end = effects.at(-1)?.at ?? Infinity;
  const isBusyUntil = (index: number) =>
    (starts[index + SLOTS] ?? end) - (starts[index] as number) <= 2 * HANDLER_MS;
  const lastPause = starts.findLastIndex((_at, index) => !isBusyUntil(index));
  return starts[lastPause + 1] ?? Infinity;
}

export const EMPTIED_REDIS: readonly Bound[] = [
  emptiedRedis('flushed-redis', 'FLUSHALL under a backlog', ({ redis }) => redis.flushall()),
  emptiedRedis('lost-redis', 'Redis killed under a backlog, and back without its file', ({ servers }) =>
    servers.redis.wipe(),
  ),
];
