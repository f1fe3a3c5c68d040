import type { Database } from '../postgres/create-database.js';
import type { JobStatus } from './job-state.js';
import type { Execution } from './read-job.js';

/** What somebody who follows a job is told. The result only of a finished one. */
export interface FollowedJob {
  readonly id: number;
  readonly status: JobStatus;
  readonly attempt: number;
  readonly retry_count: number;
  readonly progress: number | null;
  readonly scheduled_at: Date | null;
  readonly started_at: Date | null;
  readonly completed_at: Date | null;
  readonly error_message: string | null;
  readonly error_class: string | null;
  readonly result: unknown;
}

const READ_FOLLOWED = `
  SELECT id, status, attempt, retry_count, progress, scheduled_at, started_at, completed_at, error_message, error_class,
         CASE WHEN completed_at IS NOT NULL THEN result END AS result
    FROM jobs WHERE id = ANY ($1::bigint[])`;

/** How these jobs stand, by id; those that do not exist are left out. One read serves everybody who listens. */
export async function readFollowed(db: Database, ids: readonly number[]): Promise<Map<number, FollowedJob>> {
  const { rows } = await db.query<FollowedJob>(READ_FOLLOWED, [ids]);
  return new Map(rows.map((job) => [job.id, job]));
}

export type AttemptLogs = Pick<Execution, 'attempt' | 'status' | 'error_message' | 'logs'>;

const READ_ATTEMPTS = `
  SELECT attempt, status, error_message, logs FROM job_executions
   WHERE job_id = $1 AND attempt > $2 ORDER BY attempt LIMIT 100`;

/** The finished attempts after `afterAttempt`, with what they logged. */
export async function readAttemptsAfter(
  db: Database,
  jobId: number,
  afterAttempt: number,
): Promise<AttemptLogs[]> {
  const { rows } = await db.query<AttemptLogs>(READ_ATTEMPTS, [jobId, afterAttempt]);
  return rows;
}

const FIND_MISSING = `
  SELECT wanted.id FROM unnest($1::bigint[]) AS wanted (id)
   WHERE NOT EXISTS (SELECT 1 FROM jobs j WHERE j.id = wanted.id)`;

/** Those of the ids that are no job's. */
export async function findMissing(db: Database, ids: readonly number[]): Promise<Set<number>> {
  const { rows } = await db.query<{ id: number }>(FIND_MISSING, [ids]);
  return new Set(rows.map(({ id }) => id));
}
