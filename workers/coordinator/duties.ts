import { messageOf } from '../../shared/errors.js';
import type { Installation } from '../../shared/installation.js';
import { prunePage } from '../../shared/jobs/prune-jobs.js';
import { publishWatermark, readQueuesWithWork } from '../../shared/jobs/read-ready.js';
import { repairDependencies } from '../../shared/jobs/repair-dependencies.js';
import { rescueJobs } from '../../shared/jobs/rescue-jobs.js';
import { sweepQueue } from '../../shared/jobs/sweep-jobs.js';
import { createLoop, jitter, type Loop } from '../../shared/time/loop.js';
import {
  declareDeadWorkers,
  forgetWorkers,
  readLiveWorkerIds,
  readServedTypes,
  takeBackSetAside,
} from '../../shared/workers/registry.js';

export interface DutySettings {
  /** Finished jobs older than this are deleted. Default 7 days; 0 keeps them for ever. */
  readonly retentionMs?: number;
}

const RESCUE_MS = 1_000;
const SWEEP_MS = 3_000;
const FULL_PASS_MS = 30_000;
const PRUNE_ROUND_MS = 60_000;
/** Between the pages of a round, so that retention never competes with work. */
const PRUNE_PAUSE_MS = 50;
const DEFAULT_RETENTION_MS = 7 * 24 * 3_600_000;
const FORGET_WORKERS_MS = 24 * 3_600_000;

function dutyLoop(
  installation: Installation,
  name: string,
  retryMs: number,
  runOnce: () => Promise<number>,
): Loop {
  const onError = (error: unknown) =>
    installation.logger.warn(`coordinator: ${name} failed, will be tried again`, { error: messageOf(error) });
  return createLoop({ name, runOnce, onError, retryMs });
}

/** Declares workers dead and makes their jobs ready again. `trustedMs`: how long PostgreSQL has answered without a gap. */
export function createRescuer(installation: Installation, holder: string, trustedMs: () => number): Loop {
  return dutyLoop(installation, 'rescue', RESCUE_MS, async () => {
    for (const workerId of await declareDeadWorkers(installation.db, trustedMs(), holder)) {
      installation.events.emit('workerDied', { workerId });
    }
    await rescueJobs(installation);
    return RESCUE_MS;
  });
}

/** Puts back what Redis forgot; now and then a full pass: watermark, set-aside jobs, dependencies left half released. */
export function createSweeper(installation: Installation, holder: string): Loop {
  let fullPassAt = 0;
  let queuesWithWork: string[] = [];
  return dutyLoop(installation, 'sweep', SWEEP_MS, async () => {
    const { db } = installation;
    const [types, live] = await Promise.all([readServedTypes(db), readLiveWorkerIds(db)]);
    const isFullPass = performance.now() >= fullPassAt;
    if (isFullPass) queuesWithWork = await readQueuesWithWork(db);
    const queues = new Set([...types.keys(), ...queuesWithWork]);
    if (isFullPass) {
      await publishWatermark(db, [...queues], holder);
      for (const [queue, jobTypes] of types) await takeBackSetAside(installation, queue, jobTypes);
      await repairDependencies(installation);
      fullPassAt = performance.now() + FULL_PASS_MS;
    }
    for (const queue of queues) await sweepQueue(installation, queue, types.get(queue) ?? null, live);
    return jitter(SWEEP_MS);
  });
}

/** Deletes finished jobs that are older than the retention, a page at a time. */
export function createPruner(
  installation: Installation,
  { retentionMs = DEFAULT_RETENTION_MS }: DutySettings,
): Loop {
  let afterId = 0;
  return dutyLoop(installation, 'prune', PRUNE_ROUND_MS, async () => {
    if (afterId === 0) await forgetWorkers(installation.db, FORGET_WORKERS_MS);
    if (retentionMs <= 0) return PRUNE_ROUND_MS;
    const { nextAfterId } = await prunePage(installation, afterId, { retentionMs });
    afterId = nextAfterId ?? 0;
    return nextAfterId === null ? PRUNE_ROUND_MS : PRUNE_PAUSE_MS;
  });
}
