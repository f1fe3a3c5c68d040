import { setTimeout as wait } from 'node:timers/promises';
import type { z } from 'zod';
import { HoldfastError } from '../errors.js';
import { openInstallation, type Installation, type InstallationOptions } from '../installation.js';
import { addDependencies } from '../jobs/add-dependencies.js';
import { cancelJob } from '../jobs/cancel-job.js';
import { checkJobId } from '../jobs/check-job-id.js';
import { checkDependencies, checkSubmitOptions, type JobFields } from '../jobs/check-submit-options.js';
import type { JobDefinition } from '../jobs/define-job.js';
import { FINISHED } from '../jobs/job-state.js';
import type { Dependency, NewJob, SubmittedJob } from '../jobs/new-job.js';
import { readJobOutcome, type JobDetail } from '../jobs/read-job.js';
import { ReadCoalescer } from '../jobs/read-coalescer.js';
import { SubmitCoalescer } from '../jobs/submit-coalescer.js';
import { submitJobs, submitJobsIn } from '../jobs/submit-jobs.js';
import type { DefinedSchedule } from '../schedules/define-schedule.js';
import { upsertSchedules } from '../schedules/upsert-schedules.js';
import type { QueryTarget } from '../postgres/query-target.js';

export type ClientOptions = InstallationOptions | { readonly installation: Installation };

/** What a submit may say beyond the payload; it overrides what the job type says. */
export interface SubmitOptions extends JobFields {
  /** Submit inside this transaction: the job exists when it commits. Its search_path must include Holdfast's schema. */
  readonly tx?: QueryTarget;
}

/** Submits jobs, follows them, cancels them. */
export interface Client {
  /**
   * Submits one job. Concurrent calls share one INSERT.
   *
   * @throws HoldfastError `validation_failed` naming the fields, those of the options as they are called here, of the payload as
   *   `payload.to`; `idempotency_key_reused`, `postgres_unavailable`, `outcome_unknown`
   */
  submit<Schema extends z.ZodType, Result>(
    job: JobDefinition<Schema, Result>,
    payload: z.input<Schema>,
    options?: SubmitOptions,
  ): Promise<SubmittedJob>;
  /**
   * Submits many jobs of one type in one INSERT: all or none.
   *
   * @throws HoldfastError as `submit`
   */
  submitMany<Schema extends z.ZodType, Result>(
    job: JobDefinition<Schema, Result>,
    payloads: readonly z.input<Schema>[],
    options?: SubmitOptions,
  ): Promise<SubmittedJob[]>;
  /**
   * Resolves with what the handler returned, as JSON keeps it.
   *
   * @throws HoldfastError `timeout` when the job has not finished within `timeoutMs` (default 30,000), `not_found`,
   *   `validation_failed`; JobFailedError
   */
  result<Result = unknown>(jobId: number, options?: { timeoutMs?: number }): Promise<Result>;
  /**
   * The job with its attempts and the reason of its state; null when there is none.
   *
   * @throws HoldfastError `validation_failed` for what is no job's id
   */
  get(jobId: number): Promise<JobDetail | null>;
  /**
   * Makes a pending job wait for further jobs.
   *
   * @throws HoldfastError `not_found`, `not_pending`, `validation_failed` when one of them does not exist or is no job's id,
   *   `dependency_cycle` naming the jobs, `busy`
   */
  addDependencies(jobId: number, dependsOn: readonly Dependency[]): Promise<void>;
  /**
   * Cancels a job that has not finished. When it runs, its handler's signal is aborted within a second.
   *
   * @throws HoldfastError `not_found`, `already_finished`, `busy`, `validation_failed`
   */
  cancel(jobId: number, reason?: string): Promise<void>;
  /**
   * Stores schedules made by `defineSchedule`, as a worker with `schedules` does at its start; any number of processes may at once.
   *
   * @throws HoldfastError `validation_failed` naming the fields, `busy`
   */
  upsertSchedules(schedules: readonly DefinedSchedule[]): Promise<void>;
  /** Closes the connections that the client opened; an installation it was given stays open. */
  close(): Promise<void>;
}

/** The job that was waited for failed, or was cancelled. */
export class JobFailedError extends Error {
  override readonly name = 'JobFailedError';
  constructor(
    readonly jobId: number,
    readonly status: 'failed' | 'cancelled',
    readonly errorClass: string | null,
    message: string,
  ) {
    super(message);
  }
}

/** @throws HoldfastError `postgres_unavailable` */
export async function createClient(options: ClientOptions): Promise<Client> {
  const ownsInstallation = !('installation' in options);
  const installation = 'installation' in options ? options.installation : await openInstallation(options);
  const coalescer = new SubmitCoalescer(installation);
  const reader = new ReadCoalescer(installation.db);

  return {
    async submit(job, payload, { tx, ...rest } = {}) {
      checkSubmitOptions(rest);
      const newJob = toNewJob(job, payload, rest);
      return tx
        ? ((await submitJobsIn(tx, [newJob], installation.jobDefaults))[0] as SubmittedJob)
        : coalescer.submit(newJob);
    },
    async submitMany(job, payloads, { tx, ...rest } = {}) {
      checkSubmitOptions(rest);
      const newJobs = payloads.map((payload) => toNewJob(job, payload, rest));
      return tx ? submitJobsIn(tx, newJobs, installation.jobDefaults) : submitJobs(installation, newJobs);
    },
    result: <Result>(jobId: number, { timeoutMs = 30_000 } = {}) =>
      awaitResult(installation, jobId, timeoutMs) as Promise<Result>,
    async get(jobId) {
      // It would fail those that are read together with it.
      checkJobId(jobId);
      return reader.read(jobId);
    },
    async addDependencies(jobId, dependsOn) {
      checkDependencies(jobId, dependsOn);
      await addDependencies(installation, jobId, dependsOn);
    },
    async cancel(jobId, reason) {
      checkJobId(jobId);
      await cancelJob(installation, jobId, reason);
    },
    upsertSchedules: (schedules) => upsertSchedules(installation, schedules),
    close: () => (ownsInstallation ? installation.close() : Promise.resolve()),
  };
}

/** Stored is what the caller gave, not what the schema makes of it: the worker applies the schema again. */
function toNewJob(job: JobDefinition, payload: unknown, options: JobFields): NewJob {
  const parsed = job.payload.safeParse(payload);
  if (!parsed.success) {
    const details = parsed.error.issues.map((issue) => ({
      field: ['payload', ...issue.path.map(String)].join('.'),
      problem: issue.message,
    }));
    const summary = details.map(({ field, problem }) => `${field}: ${problem}`).join('; ');
    throw new HoldfastError(
      'validation_failed',
      `the payload does not fit job type ${job.type}: ${summary}`,
      { details },
    );
  }
  const { queue, priority, timeoutMs } = job;
  return {
    queue,
    priority,
    timeoutMs,
    maxRetries: job.retry?.maxRetries,
    ...options,
    jobType: job.type,
    payload,
  };
}

const FIRST_LOOK_MS = 10;
const LONGEST_LOOK_MS = 250;

async function awaitResult(installation: Installation, jobId: number, timeoutMs: number): Promise<unknown> {
  checkJobId(jobId, timeoutMs);
  const giveUpAt = performance.now() + timeoutMs;
  for (let pauseMs = FIRST_LOOK_MS; ; pauseMs = Math.min(pauseMs * 1.5, LONGEST_LOOK_MS)) {
    const outcome = await readJobOutcome(installation.db, jobId);
    if (!outcome) throw new HoldfastError('not_found', `there is no job ${jobId}`);
    if (outcome.status === 'completed') return outcome.hasResult ? outcome.result : undefined;
    if (outcome.status === 'failed' || outcome.status === 'cancelled') {
      throw new JobFailedError(
        jobId,
        outcome.status,
        outcome.errorClass,
        outcome.errorMessage ?? `job ${jobId} ${outcome.status}`,
      );
    }
    const leftMs = giveUpAt - performance.now();
    if (leftMs <= 0) {
      const what = `job ${jobId} is not among ${FINISHED.join(', ')} after ${timeoutMs} ms: it is ${outcome.status}`;
      throw new HoldfastError('timeout', what);
    }
    await wait(Math.min(pauseMs, leftMs));
  }
}
