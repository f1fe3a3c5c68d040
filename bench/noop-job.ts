import { z } from 'zod';
import { defineJob } from '../shared/jobs/define-job.js';

/** What every measure runs: a small payload, no work. */
export const noop = defineJob({
  type: 'noop',
  payload: z.object({ n: z.number(), to: z.string() }),
  run: () => undefined,
});

/** Tells its parent process when it began. */
export const stamp = defineJob({
  type: 'stamp',
  payload: z.object({ submittedAtMs: z.number() }),
  run({ submittedAtMs }) {
    process.send?.({ kind: 'picked-up', latencyMs: nowMs() - submittedAtMs });
  },
});

/** Wall clock with microseconds, the same in all processes of a machine. */
export const nowMs = (): number => performance.timeOrigin + performance.now();

export const noopPayloads = (count: number): { n: number; to: string }[] =>
  Array.from({ length: count }, (_, n) => ({ n, to: 'someone@example.com' }));
