import { HoldfastError } from '../errors.js';
import type { Installation } from '../installation.js';
import { lockTimeout } from '../postgres/lock-timeout.js';
import { isPostgresError } from '../postgres/postgres-error.js';
import { dispatchReadyOf } from './dispatch-jobs.js';
import type { JobStatus } from './job-state.js';
import { readJobOutcome } from './read-job.js';

/**
 * Failed or cancelled to pending, with retries and losses counted anew; attempts go on counting, since they fence.
 * scheduled_at is set so that the promoter finds the job even when the push after the commit never happens.
 */
export const RETRY_ASSIGNMENTS = `status = 'pending', retry_count = 0, lost_count = 0, scheduled_at = now(), completed_at = NULL,
      worker_id = NULL, progress = NULL, set_aside_at = NULL, updated_at = clock_timestamp()`;

/** An open dead letter is closed in the same transaction. */
const RETRY_JOB = `
  WITH retried AS (
    UPDATE jobs SET ${RETRY_ASSIGNMENTS}
     WHERE id = $1 AND status IN ('failed', 'cancelled')
       AND ${lockTimeout('1s')}
    RETURNING id
  ), closed AS (
    UPDATE dead_letter_jobs SET status = 'replayed', reviewed_at = now(), reviewed_by = $2, replayed_job_id = $1
     WHERE status = 'open' AND job_id = (SELECT id FROM retried)
  )
  SELECT id FROM retried`;

/**
 * Runs a failed or cancelled job again.
 *
 * @param by who asks, for the dead letter that is closed; null: nobody knows
 * @throws HoldfastError `not_found`, `not_retryable`, `unique_key_in_use`, or `busy` when another transaction holds the row
 */
export async function retryJob(
  installation: Installation,
  id: number,
  by: string | null = null,
): Promise<void> {
  const { rows } = await installation.db.query(RETRY_JOB, [id, by]).catch((error: unknown) => {
    throw explain(id, error);
  });
  if (rows.length === 0) {
    const outcome = await readJobOutcome(installation.db, id);
    if (!outcome) throw new HoldfastError('not_found', `there is no job ${id}`);
    throw new HoldfastError('not_retryable', describeRefusal(id, outcome.status));
  }
  await dispatchReadyOf(installation, [id]).catch(() => undefined);
}

function describeRefusal(id: number, status: JobStatus): string {
  return status === 'completed'
    ? `job ${id} has completed; submit a new one to run it again`
    : `job ${id} is ${status}; only a failed or cancelled job can be run again`;
}

function explain(id: number, error: unknown): unknown {
  if (isPostgresError(error, 'lock_conflict')) {
    return new HoldfastError('busy', `job ${id} is locked by another transaction; try again`, {
      cause: error,
    });
  }
  if (isPostgresError(error, 'constraint') && error.constraint === 'jobs_unique_key') {
    const what = `another unfinished job has the unique key of job ${id}; it can run again when that one has finished`;
    return new HoldfastError('unique_key_in_use', what, { cause: error });
  }
  return error;
}
