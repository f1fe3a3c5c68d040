import { z } from 'zod';
import { defineJob, type JobContext } from '../../shared/jobs/define-job.js';
import type { TestInstallation } from './test-installation.js';

/** Jobs whose handlers the test drives: each run waits until the test lets it go on. */
export class HeldRuns {
  private readonly runs: {
    ctx: JobContext;
    end: (result?: unknown) => void;
    fail: (error: unknown) => void;
  }[] = [];
  private readonly arrivals: (() => void)[] = [];

  readonly job = defineJob({
    type: 'held',
    payload: z.object({}).loose(),
    retry: { baseDelayMs: 10, maxDelayMs: 50 },
    run: (_payload, ctx) =>
      new Promise<unknown>((end, fail) => {
        this.runs.push({ ctx, end, fail });
        this.arrivals.splice(0).forEach((arrived) => arrived());
      }),
  });

  get count(): number {
    return this.runs.length;
  }

  /** The nth run that began, waiting for it. */
  async run(index: number) {
    while (this.runs.length <= index) await new Promise<void>((resolve) => this.arrivals.push(resolve));
    return this.runs[index]!;
  }

  endAll(): void {
    for (const run of this.runs) run.end();
  }
}

/** Runs `act`, given the payload and the context; for handlers of one line. */
export const actJob = (type: string, act: (payload: Record<string, unknown>, ctx: JobContext) => unknown) =>
  defineJob({
    type,
    payload: z.record(z.string(), z.unknown()),
    retry: { baseDelayMs: 5, maxDelayMs: 20 },
    run: async (payload, ctx) => act(payload, ctx),
  });

/** Submits a job of a type that only other processes know. Returns its id. */
export async function submitBySql(
  db: TestInstallation,
  type: string,
  payload: unknown = {},
  timeoutMs = 60_000,
): Promise<number> {
  const values = [type, payload, timeoutMs];
  return (await db.sql<{ id: number }>('SELECT submit_job($1, $2, timeout_ms => $3) AS id', values))[0]!.id;
}
