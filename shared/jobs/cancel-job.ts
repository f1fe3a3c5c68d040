import { HoldfastError } from '../errors.js';
import type { Installation } from '../installation.js';
import { isPostgresError } from '../postgres/postgres-error.js';
import type { Database } from '../postgres/create-database.js';
import { releaseDependents } from './release-dependents.js';

const CANCEL_JOB = `
  SELECT cancel_job($1, $2) AS answer, j.job_type AS "jobType", j.queue
    FROM (SELECT) AS one LEFT JOIN jobs j ON j.id = $1 WHERE (SELECT set_config('lock_timeout', '1s', true)) IS NOT NULL`;

/**
 * Cancels a pending or running job; a running handler's signal is aborted within a second, wherever it runs.
 *
 * @throws HoldfastError `not_found`, `already_finished`, or `busy` when another transaction holds the row
 */
export async function cancelJob(installation: Installation, id: number, reason?: string): Promise<void> {
  const { rows } = await installation.db
    .query<{ answer: string; jobType: string; queue: string }>(CANCEL_JOB, [id, reason ?? null])
    .catch((error: unknown) => {
      if (!isPostgresError(error, 'lock_conflict')) throw error;
      throw new HoldfastError('busy', `job ${id} is locked by another transaction; try again`, {
        cause: error,
      });
    });
  const { answer, jobType = '', queue = '' } = rows[0] ?? {};
  if (answer === 'not_found') throw new HoldfastError('not_found', `there is no job ${id}`);
  if (answer === 'already_finished')
    throw new HoldfastError('already_finished', `job ${id} has already finished`);
  installation.events.emit('cancelled', { id, jobType, queue });
  // The function released a bounded number of dependents in its own transaction; this does the rest and dispatches.
  await releaseDependents(installation, [id]);
}

export interface CancelRequest {
  readonly jobId: number;
  readonly attempt: number;
}

/** Takes the cancellations that wait for this worker. Only a worker that runs something asks. */
export async function takeCancelRequests(db: Database, workerId: string): Promise<CancelRequest[]> {
  const { rows } = await db.query<CancelRequest>(
    'DELETE FROM cancel_requests WHERE worker_id = $1 RETURNING job_id AS "jobId", attempt',
    [workerId],
  );
  return rows;
}
