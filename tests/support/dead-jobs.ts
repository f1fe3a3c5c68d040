import { fingerprint } from '../../shared/jobs/dead-letter-jobs.js';
import type { TestInstallation } from './test-installation.js';

export interface DeadJobWish {
  readonly queue?: string;
  readonly jobType?: string;
  readonly error?: string;
  readonly errorClass?: string;
  readonly reason?: string;
  readonly payload?: unknown;
  readonly uniqueKey?: string;
}

const FILE_DEAD_JOBS = `
  WITH dead AS (
    INSERT INTO jobs (queue, job_type, status, attempt, retry_count, payload, error_message, error_class, unique_key)
    SELECT $2, $3, 'failed', 4, 3, $4, $5, $6, $7 FROM generate_series(1, $1::int) RETURNING *
  ), history AS (
    INSERT INTO job_executions (job_id, attempt, status, started_at, duration_ms, error_message, error_class, error_stack)
    SELECT d.id, tries, 'failed', now(), 5, $5, $6, 'Error: ' || $5 || ' at attempt ' || tries FROM dead d, generate_series(1, 4) AS tries
  )
  INSERT INTO dead_letter_jobs (job_id, queue, job_type, payload, error_message, error_class, fingerprint, attempts, reason)
  SELECT id, queue, job_type, payload, error_message, error_class, $8, attempt, $9::dead_letter_reason FROM dead ORDER BY id
  RETURNING id, job_id AS "jobId"`;

/** Failed jobs with four attempts and an open dead letter each, as a worker would have left them. In the order of their ids. */
export async function fileDeadJobs(
  db: Pick<TestInstallation, 'sql'>,
  count: number,
  wish: DeadJobWish = {},
): Promise<{ id: number; jobId: number }[]> {
  const { queue = 'default', jobType = 'report', error = 'broken', errorClass = 'unknown' } = wish;
  const { payload = {}, uniqueKey = null, reason = 'max_retries' } = wish;
  const values = [count, queue, jobType, JSON.stringify(payload), error, errorClass, uniqueKey];
  const rows = await db.sql<{ id: number; jobId: number }>(FILE_DEAD_JOBS, [
    ...values,
    fingerprint(jobType, errorClass, error),
    reason,
  ]);
  return rows.sort((a, b) => a.id - b.id);
}

export const fileDeadJob = async (db: Pick<TestInstallation, 'sql'>, wish: DeadJobWish = {}) =>
  (await fileDeadJobs(db, 1, wish))[0]!;
