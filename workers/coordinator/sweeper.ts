import type { Installation } from '../../shared/installation.js';
import { publishWatermark, readQueuesWithWork } from '../../shared/jobs/read-ready.js';
import { repairDependencies } from '../../shared/jobs/repair-dependencies.js';
import { sweepQueue } from '../../shared/jobs/sweep-jobs.js';
import { jitter, type Loop } from '../../shared/time/loop.js';
import { readLiveWorkerIds, readServedTypes, takeBackSetAside } from '../../shared/workers/registry.js';
import { createAttempts, createDutyLoop, type Attempting } from './duty-loop.js';

const SWEEP_MS = 3_000;
const FULL_PASS_MS = 30_000;
const REPAIR_ROUND_MS = 30_000;
/** Between the pages of a round, so that a million jobs that wait for others take a tenth of a connection. */
const REPAIR_REST_FACTOR = 10;

/** Puts back what Redis forgot; now and then a full pass: watermark and set-aside jobs. */
export function createSweeper(installation: Installation, holder: string): Loop {
  const { db } = installation;
  const attemptAll = createAttempts(installation, 'a sweep');
  let fullPassAt = 0;
  let queuesWithWork: string[] = [];

  async function fullPass(types: ReadonlyMap<string, readonly string[]>, attempt: Attempting): Promise<void> {
    await attempt('queues that have work', async () => {
      queuesWithWork = await readQueuesWithWork(db);
    });
    const queues = [...new Set([...types.keys(), ...queuesWithWork])];
    await attempt('watermark', () => publishWatermark(db, queues, holder));
    for (const [queue, jobTypes] of types)
      await attempt(`jobs set aside in ${queue}`, () => takeBackSetAside(installation, queue, jobTypes));
    fullPassAt = performance.now() + FULL_PASS_MS;
  }

  return createDutyLoop(installation, 'sweep', SWEEP_MS, async () => {
    const [types, live] = await Promise.all([readServedTypes(db), readLiveWorkerIds(db)]);
    await attemptAll(async (attempt) => {
      if (performance.now() >= fullPassAt) await fullPass(types, attempt);
      for (const queue of new Set([...types.keys(), ...queuesWithWork]))
        await attempt(`queue ${queue}`, () =>
          sweepQueue(installation, queue, types.get(queue) ?? null, live),
        );
    });
    return jitter(SWEEP_MS);
  });
}

/** Finishes releases of dependents that a crash cut short, a page at a time. */
export function createRepairer(installation: Installation): Loop {
  let afterId = 0;
  return createDutyLoop(installation, 'repair of dependencies', REPAIR_ROUND_MS, async () => {
    const startedAt = performance.now();
    const nextAfterId = await repairDependencies(installation, afterId);
    afterId = nextAfterId ?? 0;
    return nextAfterId === null ? REPAIR_ROUND_MS : REPAIR_REST_FACTOR * (performance.now() - startedAt);
  });
}
