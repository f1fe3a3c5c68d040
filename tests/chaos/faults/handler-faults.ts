import { submitJobsIn } from '../../../shared/jobs/submit-jobs.js';
import { setTimeout as wait } from 'node:timers/promises';
import type { Draft } from '../load/mix.js';
import type { FaultKind, FaultScene } from './fault.js';

type HarmfulJob = Omit<Draft, 'payload'> & { readonly payload?: Omit<Draft['payload'], 'ref'> };

/** A job whose handler harms its process. It goes to a queue that the spared worker does not serve. */
const harmful = (name: string, weight: number, job: HarmfulJob): FaultKind => ({
  name: `handler: ${name}`,
  weight,
  prepare: (scene) => ({ what: `handler: ${name}`, disturbs: [], inject: () => submit(scene, job) }),
});

const PATIENCE = 100;

async function submit(
  { world, promises }: FaultScene,
  { jobType, payload, ...options }: HarmfulJob,
): Promise<void> {
  for (let tries = 0; tries < PATIENCE; tries++) {
    const ref = promises.nextRef();
    try {
      const jobs = [{ jobType, payload: { ...payload, ref }, queue: 'risky', ...options }];
      const [submitted] = await submitJobsIn(world.db, jobs);
      promises.keep((submitted as { id: number }).id, ref, jobType);
      return;
    } catch {
      // PostgreSQL is away; if it was stored nevertheless, that is another one.
      await wait(100);
    }
  }
}

export const HANDLER_FAULTS: readonly FaultKind[] = [
  harmful('blocks the event loop within its timeout', 3, { jobType: 'blocker', payload: { ms: 6_000 } }),
  harmful('blocks the event loop beyond its timeout', 3, {
    jobType: 'overdue',
    timeoutMs: 1_000,
    maxRetries: 0,
  }),
  harmful('calls process.exit', 4, { jobType: 'exit', payload: { times: 1 } }),
  harmful('exhausts memory, again and again', 1, { jobType: 'memory', timeoutMs: 60_000 }),
  harmful('ignores its signal', 3, {
    jobType: 'deaf',
    payload: { ms: 20_000 },
    timeoutMs: 1_000,
    maxRetries: 0,
  }),
];
