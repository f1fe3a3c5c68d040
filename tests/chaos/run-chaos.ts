import { setTimeout as wait } from 'node:timers/promises';
import { checkAttempts } from './check/check-attempts.js';
import { checkCounters } from './check/check-counters.js';
import { checkEffects } from './check/check-effects.js';
import { checkOrder } from './check/check-order.js';
import { checkPromises } from './check/check-promises.js';
import { checkProcesses } from './check/check-processes.js';
import { checkRest } from './check/check-rest.js';
import { checkSchedules } from './check/check-schedules.js';
import { gatherEvidence } from './check/evidence.js';
import { watchWaits } from './check/watch-waits.js';
import type { FaultKind } from './faults/fault.js';
import { planFaults } from './faults/fault-plan.js';
import { injectFaults } from './faults/inject-faults.js';
import { startLoad } from './load/start-load.js';
import { toReport, type RunReport } from './report/run-report.js';
import { watchRecovery } from './report/watch-recovery.js';
import { fullCast } from './world/process-specs.js';
import { startWorld, type World } from './world/world.js';

export interface ChaosOptions {
  /** Decides which faults come when. */
  readonly seed: number;
  /** How long faults are injected; what is unfinished then gets `drainMs` more. */
  readonly minutes: number;
  /** From one fault to the next, on average. Milliseconds. */
  readonly faultEveryMs: number;
  /** How fast jobs are submitted; 1 is about 180 a second. */
  readonly load: number;
  readonly workers: number;
  readonly kinds?: readonly FaultKind[];
  readonly codeRoot?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** After the faults, for what is unfinished then. Default 120,000. */
  readonly drainMs?: number;
  /** Then, for Redis to be empty and claims to be gone. Default 45,000: a full sweep comes twice a minute. */
  readonly restMs?: number;
  readonly log?: (line: string) => void;
}

/** Load before the first fault, and after the last one. */
const CALM_MS = 2_000;

/** One run: a world under load, faults by the plan, then peace; and what the checker finds in the end. */
export async function runChaos(options: ChaosOptions): Promise<RunReport> {
  const { seed, minutes, faultEveryMs, log = () => undefined } = options;
  const plan = planFaults(seed, minutes * 60_000, faultEveryMs, options.kinds);
  const world = await startWorld({
    ...options,
    cast: fullCast({ workers: options.workers, concurrency: 20 }),
    log,
  });
  let isClean = false;
  try {
    log(`${world.members.length} processes run; logs in ${world.directory}`);
    const recovery = watchRecovery(world);
    const waits = watchWaits(world);
    const load = await startLoad(world, { seed, load: options.load });
    await wait(CALM_MS);
    const endAt = Date.now() + minutes * 60_000;
    const injection = await injectFaults(
      plan,
      { world, promises: load.promises, targets: targetsIn(world) },
      log,
    );
    await wait(Math.max(endAt - Date.now(), CALM_MS));
    await load.stop();
    await recovery.stop();
    log('faults and submits have ended; waiting until all is done');
    await whenDrained(world, options.drainMs ?? 120_000);
    const violations = [...(await waits.stop()), ...(await checkRest(world, options.restMs ?? 45_000))];
    violations.push(...(await checkCounters(world, load.promises)), ...(await checkProcesses(world)));
    const evidence = await gatherEvidence(world, load.promises);
    violations.push(...checkPromises(evidence), ...checkAttempts(evidence), ...checkEffects(evidence));
    violations.push(...(await checkOrder(world)), ...(await checkSchedules(world)));
    isClean = violations.length === 0;
    const longestIdleWaitMs = waits.longestMs;
    return toReport({ seed, minutes, evidence, injection, recovery, longestIdleWaitMs, violations });
  } finally {
    // Of code that was broken on purpose nobody wants to read them.
    await world.stop({ keepFiles: !isClean && options.codeRoot === undefined });
  }
}

const targetsIn =
  ({ members }: World) =>
  (role: string) =>
    members.filter(({ process, isSpared }) => process.spec.role === role && !isSpared);

/** Everything submitted has finished; what has not by then, the checker will name. */
async function whenDrained({ db }: World, drainMs: number): Promise<void> {
  const giveUpAt = Date.now() + drainMs;
  while (Date.now() < giveUpAt) {
    const { rows } = await db
      .query('SELECT 1 FROM jobs WHERE completed_at IS NULL LIMIT 1')
      .catch(() => ({ rows: [1] }));
    if (rows.length === 0) return;
    await wait(200);
  }
}
