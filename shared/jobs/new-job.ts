import { createHash } from 'node:crypto';
import type { JobDefaults } from '../installation.js';
import type { DEPENDENCY_POLICIES, UNIQUE_POLICIES } from './job-limits.js';

/** What happens to a job when a job it depends on fails or is cancelled: wait for ever, be cancelled, run anyway. */
export type DependencyPolicy = (typeof DEPENDENCY_POLICIES)[number];

export interface Dependency {
  readonly jobId: number;
  /** Default `block`. */
  readonly onFailure?: DependencyPolicy;
}

/**
 * What a submit does when an unfinished job has its unique key: return that one as it is, or replace its payload (and its
 * priority and time, where given) as long as it waits and is of the same type. One that runs stays as it is.
 */
export type UniquePolicy = (typeof UNIQUE_POLICIES)[number];

/** A job as it is submitted; what is left out takes the column's default. Times are milliseconds. */
export interface NewJob {
  readonly jobType: string;
  readonly payload: unknown;
  readonly queue?: string | undefined;
  readonly priority?: number | undefined;
  readonly maxRetries?: number | undefined;
  readonly timeoutMs?: number | undefined;
  /** Not before this time. */
  readonly scheduledAt?: Date | undefined;
  /** Not before this long after the submit, by the database's clock. */
  readonly delayMs?: number | undefined;
  readonly dependsOn?: readonly Dependency[] | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly createdBy?: string | undefined;
  /** At most one unfinished job has it; `uniquePolicy` says what submitting another one does. */
  readonly uniqueKey?: string | undefined;
  /** Default `return_existing`. Only together with `uniqueKey`. */
  readonly uniquePolicy?: UniquePolicy | undefined;
  /**
   * At most one job on record has it, until retention deletes that job: submitting the same job again returns the first, another job is
   * refused.
   */
  readonly idempotencyKey?: string | undefined;
}

export interface SubmittedJob {
  readonly id: number;
  readonly createdAt: Date;
  /** True when a job with the same unique or idempotency key was there already, and this is its id. */
  readonly isExisting: boolean;
  /** True when that job was waiting and has the new payload now: whoever runs it sees that. */
  readonly wasReplaced: boolean;
}

/** Must not share a statement with strangers: another session's uncommitted twin would hold up all of them. */
export function needsOwnStatement(job: NewJob): boolean {
  return hasKey(job) || hasParents(job);
}

export const hasParents = ({ dependsOn }: NewJob): boolean => (dependsOn?.length ?? 0) > 0;

/** May be there already. */
export const hasKey = ({ uniqueKey, idempotencyKey }: NewJob): boolean =>
  uniqueKey !== undefined || idempotencyKey !== undefined;

/** A job's columns, named as in the database. */
export function toRow(job: NewJob, defaults: JobDefaults = {}): Record<string, unknown> {
  return { payload: job.payload ?? {}, ...toCommon(job, defaults) };
}

/** As the statements in insert-jobs.ts read them: one is its row, many are runs. */
export const toParameter = (jobs: readonly NewJob[], defaults: JobDefaults): unknown =>
  jobs.length === 1 ? toRow(jobs[0] as NewJob, defaults) : toRuns(jobs, defaults);

/** Jobs that differ in nothing but their payloads. */
type Run = Record<string, unknown> & { readonly payloads: unknown[] };

function toRuns(jobs: readonly NewJob[], defaults: JobDefaults): Run[] {
  const runs: Run[] = [];
  let first: NewJob | undefined;
  let payloads: unknown[] = [];
  for (const job of jobs) {
    if (!first || !isAlike(first, job)) {
      first = job;
      payloads = [];
      runs.push({ ...toCommon(job, defaults), payloads });
    }
    payloads.push(job.payload ?? {});
  }
  return runs;
}

/** What is an object is alike when it is the same one: jobs submitted together share their options. */
const isAlike = (a: NewJob, b: NewJob): boolean =>
  a.jobType === b.jobType &&
  a.queue === b.queue &&
  a.priority === b.priority &&
  a.maxRetries === b.maxRetries &&
  a.timeoutMs === b.timeoutMs &&
  a.scheduledAt === b.scheduledAt &&
  a.delayMs === b.delayMs &&
  a.metadata === b.metadata &&
  a.tags === b.tags &&
  a.createdBy === b.createdBy &&
  a.uniqueKey === b.uniqueKey &&
  a.idempotencyKey === b.idempotencyKey;

const toCommon = (job: NewJob, defaults: JobDefaults): Record<string, unknown> => ({
  job_type: job.jobType,
  queue: job.queue,
  priority: job.priority,
  max_retries: job.maxRetries ?? defaults.maxRetries,
  timeout_ms: job.timeoutMs ?? defaults.timeoutMs,
  scheduled_at: job.scheduledAt,
  delay_ms: job.delayMs,
  metadata: job.metadata,
  tags: job.tags,
  created_by: job.createdBy,
  unique_key: job.uniqueKey,
  idempotency_key: job.idempotencyKey,
  request_hash: hashRequest(job),
});

/** Names what was asked for, whatever the order of its fields: the same key with another hash is another request. */
export function hashRequest({ idempotencyKey, ...request }: NewJob): string | undefined {
  if (idempotencyKey === undefined) return undefined;
  const sorted = JSON.stringify(request, (_name, value: unknown) =>
    value !== null && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
  return createHash('sha256').update(sorted).digest('hex');
}
