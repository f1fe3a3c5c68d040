import { HoldfastError } from '../errors.js';
import type { QueryTarget } from '../postgres/query-target.js';
import type { InsertedJob } from './insert-jobs.js';
import type { JobStatus } from './job-state.js';
import { hashRequest, type NewJob } from './new-job.js';

/** A job that has a key of one that is submitted. */
export interface ExistingJob extends InsertedJob {
  readonly isExisting: true;
  readonly wasReplaced: boolean;
  readonly status: JobStatus;
  readonly jobType: string;
  readonly sameIdempotencyKey: boolean;
}

const FIND_EXISTING = `
  SELECT id, created_at AS "createdAt", queue, priority, status, job_type AS "jobType", request_hash AS "requestHash",
         idempotency_key IS NOT DISTINCT FROM $1 AND $1 IS NOT NULL AS "sameIdempotencyKey"
    FROM jobs WHERE idempotency_key = $1 OR (unique_key = $2 AND completed_at IS NULL)
   ORDER BY "sameIdempotencyKey" DESC LIMIT 1`;

/** @throws HoldfastError `idempotency_key_reused` */
export async function findExisting(tx: QueryTarget, job: NewJob): Promise<ExistingJob | undefined> {
  const { rows } = await tx.query(FIND_EXISTING, [job.idempotencyKey ?? null, job.uniqueKey ?? null]);
  const existing = rows[0] as
    (Omit<ExistingJob, 'isReady' | 'isExisting' | 'wasReplaced'> & { requestHash: string }) | undefined;
  if (!existing) return undefined;
  if (existing.sameIdempotencyKey && existing.requestHash !== hashRequest(job)) {
    throw new HoldfastError(
      'idempotency_key_reused',
      `this idempotency key belongs to another request (job ${existing.id}); use a new key for a new job`,
    );
  }
  return { ...existing, id: Number(existing.id), isReady: false, isExisting: true, wasReplaced: false };
}

const REMEMBER_KEY = `
  UPDATE jobs SET idempotency_key = $2, request_hash = $3, updated_at = clock_timestamp() WHERE id = $1 AND idempotency_key IS NULL`;

/** The same request, sent again when this job has finished, must find it: it is its answer. Another request's key stays. */
export async function rememberKey(tx: QueryTarget, existing: ExistingJob, job: NewJob): Promise<void> {
  if (job.idempotencyKey === undefined || existing.sameIdempotencyKey) return;
  await tx.query(REMEMBER_KEY, [existing.id, job.idempotencyKey, hashRequest(job)]);
}

/** The same request again replaces nothing; nor does a payload fit a job of another type. */
export const mayReplace = (job: NewJob, existing: ExistingJob): boolean =>
  job.uniquePolicy === 'replace_payload' &&
  existing.status === 'pending' &&
  existing.jobType === job.jobType &&
  !existing.sameIdempotencyKey;

/**
 * Against a claim the row's lock decides: a claim that comes first leaves nothing pending here, one that comes later reads
 * the row as it is then. A time in the past would lie behind the promoter's cursor.
 */
const REPLACE_WAITING = `
  UPDATE jobs SET payload = $3::jsonb, priority = COALESCE($4, priority),
    scheduled_at = CASE WHEN $5::timestamptz IS NULL AND $6::float8 IS NULL THEN scheduled_at
      ELSE GREATEST(COALESCE($5, now() + $6 * interval '1 millisecond'), clock_timestamp()) END,
    idempotency_key = COALESCE(idempotency_key, $7), updated_at = clock_timestamp(),
    request_hash = CASE WHEN idempotency_key IS NULL THEN $8 ELSE request_hash END
   WHERE id = $1 AND unique_key = $2 AND status = 'pending'
  RETURNING priority, unmet_dependencies = 0 AND (scheduled_at IS NULL OR scheduled_at <= now()) AS "isReady"`;

/** Undefined: it waits no longer. */
export async function replaceWaiting(
  tx: QueryTarget,
  existing: ExistingJob,
  job: NewJob,
): Promise<ExistingJob | undefined> {
  const { uniqueKey, payload, priority, scheduledAt, delayMs } = job;
  const key = [job.idempotencyKey, hashRequest(job)];
  const given = [uniqueKey, JSON.stringify(payload ?? {}), priority, scheduledAt, delayMs, ...key];
  const { rows } = await tx.query(REPLACE_WAITING, [existing.id, ...given.map((value) => value ?? null)]);
  const replaced = rows[0] as { priority: number; isReady: boolean } | undefined;
  if (!replaced) return undefined;
  // Its id is in Redis already, but for a lane that it did not have before: whoever replaces all the time must not fill that.
  const isReady = replaced.isReady && replaced.priority !== existing.priority;
  return { ...existing, priority: replaced.priority, isReady, wasReplaced: true };
}
