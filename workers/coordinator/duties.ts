import { messageOf } from '../../shared/errors.js';
import type { Installation } from '../../shared/installation.js';
import { publishWatermark, readQueuesWithWork } from '../../shared/jobs/read-ready.js';
import { repairDependencies } from '../../shared/jobs/repair-dependencies.js';
import { rescueJobs } from '../../shared/jobs/rescue-jobs.js';
import { rescueOwnerless } from '../../shared/jobs/rescue-ownerless.js';
import { sweepQueue } from '../../shared/jobs/sweep-jobs.js';
import { pruneFires } from '../../shared/schedules/prune-fires.js';
import { createLoop, jitter, type Loop } from '../../shared/time/loop.js';
import {
  declareDeadWorkers,
  forgetWorkers,
  readLiveWorkerIds,
  readServedTypes,
  takeBackSetAside,
  type TrustedTime,
} from '../../shared/workers/registry.js';
import { Pruner } from './pruner.js';

export interface DutySettings {
  /** Finished jobs, and what became of fires of schedules, are deleted when they are older than this. Default 7 days; 0 keeps them for ever. */
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

/**
 * Declares workers dead and makes their jobs ready again. `trusted`: in between PostgreSQL has answered without a gap; undefined
 * while it does not answer. After each gap it may be another server, that has not heard of the latest commits.
 */
export function createRescuer(
  installation: Installation,
  holder: string,
  trusted: () => TrustedTime | undefined,
): Loop {
  let comparedSince: string | undefined;
  return dutyLoop(installation, 'rescue', RESCUE_MS, async () => {
    const time = trusted();
    if (!time) return RESCUE_MS;
    await attemptAll(installation, 'a rescue', async (attempt) => {
      await attempt('dead workers', async () => {
        for (const workerId of await declareDeadWorkers(installation.db, time, holder))
          installation.events.emit('workerDied', { workerId });
      });
      await attempt('their jobs', () => rescueJobs(installation));
      if (time.from === comparedSince) return;
      await attempt('jobs without an owner', async () => {
        await rescueOwnerless(installation);
        comparedSince = time.from;
      });
    });
    return RESCUE_MS;
  });
}

/** Puts back what Redis forgot; now and then a full pass: watermark, set-aside jobs, dependencies left half released. */
export function createSweeper(installation: Installation, holder: string): Loop {
  const { db } = installation;
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
    await attempt('dependencies', () => repairDependencies(installation));
    fullPassAt = performance.now() + FULL_PASS_MS;
  }

  return dutyLoop(installation, 'sweep', SWEEP_MS, async () => {
    const [types, live] = await Promise.all([readServedTypes(db), readLiveWorkerIds(db)]);
    await attemptAll(installation, 'a sweep', async (attempt) => {
      if (performance.now() >= fullPassAt) await fullPass(types, attempt);
      for (const queue of new Set([...types.keys(), ...queuesWithWork]))
        await attempt(`queue ${queue}`, () =>
          sweepQueue(installation, queue, types.get(queue) ?? null, live),
        );
    });
    return jitter(SWEEP_MS);
  });
}

type Attempting = (part: string, work: () => Promise<unknown>) => Promise<void>;

/** A part that fails keeps no other from being done. One line tells of all that failed: with Redis away it is every queue. */
async function attemptAll(
  { logger }: Installation,
  what: string,
  work: (attempt: Attempting) => Promise<void>,
): Promise<void> {
  const failed: string[] = [];
  let reason: unknown;
  await work(async (part, doPart) => {
    await doPart().catch((error: unknown) => {
      failed.push(part);
      reason = error;
    });
  });
  if (failed.length === 0) return;
  const fields = { parts: failed.slice(0, 5), count: failed.length, error: messageOf(reason) };
  logger.warn(`coordinator: parts of ${what} failed, will be tried again`, fields);
}

/** Deletes finished jobs, and the record of schedules' fires, that are older than the retention, a page at a time. */
export function createPruner(
  installation: Installation,
  { retentionMs = DEFAULT_RETENTION_MS }: DutySettings,
): Loop {
  let afterId = 0;
  const pruner = new Pruner(installation, retentionMs);
  return dutyLoop(installation, 'prune', PRUNE_ROUND_MS, async () => {
    if (afterId === 0) await forgetWorkers(installation.db, FORGET_WORKERS_MS);
    if (retentionMs <= 0) return PRUNE_ROUND_MS;
    if (afterId === 0 && (await pruneFires(installation.db, retentionMs))) return PRUNE_PAUSE_MS;
    const nextAfterId = await pruner.prune(afterId);
    afterId = nextAfterId ?? 0;
    return nextAfterId === null ? PRUNE_ROUND_MS : PRUNE_PAUSE_MS;
  });
}
