import type { z } from 'zod';
import type { AnyJobDefinition, JobContext } from '../../../shared/jobs/define-job.js';

export interface TestContext extends JobContext {
  /** What the handler reported, in order. */
  readonly reported: number[];
  readonly logged: string[];
}

/** A job context for handlers that are run without a worker. */
export function contextFor(changes: Partial<JobContext> = {}): TestContext {
  const reported: number[] = [];
  const logged: string[] = [];
  const write = (message: string): void => void logged.push(message);
  return {
    jobId: 17,
    attempt: 1,
    jobType: 'test',
    queue: 'default',
    metadata: {},
    signal: new AbortController().signal,
    log: { debug: write, info: write, warn: write, error: write },
    progress: (percent) => void reported.push(percent),
    parents: () => Promise.resolve([]),
    complete: () => Promise.reject(new Error('these handlers do not complete in a transaction')),
    ...changes,
    reported,
    logged,
  };
}

/** Runs a job as a worker does: the payload goes through its schema first. */
export async function runJob<Result>(
  job: AnyJobDefinition,
  payload: unknown,
  context: JobContext = contextFor(),
): Promise<Result> {
  return (await job.run(schemaOf(job).parse(payload), context)) as Result;
}

export function schemaOf(job: AnyJobDefinition): z.ZodType {
  return job.payload as z.ZodType;
}

export function jobOf(jobs: readonly AnyJobDefinition[], type: string): AnyJobDefinition {
  const job = jobs.find((candidate) => candidate.type === type);
  if (job === undefined) throw new Error(`there is no built-in job ${type}`);
  return job;
}

/** What a promise was rejected with. */
export async function failureOf(promise: Promise<unknown>): Promise<Error> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (outcome instanceof Error) return outcome;
  throw new Error('it was expected to fail');
}
