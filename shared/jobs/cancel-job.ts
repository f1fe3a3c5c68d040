import { HoldfastError, messageOf } from '../errors.js';
import type { Installation } from '../installation.js';
import { isPostgresError } from '../postgres/postgres-error.js';
import type { Database } from '../postgres/create-database.js';
import { lockTimeout } from '../postgres/lock-timeout.js';
import { RELEASED_BY_CALLER, releaseDependents } from './release-dependents.js';

const CANCEL_JOB = `
  SELECT cancel_job($1, $2) AS answer, j.job_type AS "jobType", j.queue
    FROM (SELECT) AS one LEFT JOIN jobs j ON j.id = $1 WHERE ${lockTimeout('1s')}
     AND ${RELEASED_BY_CALLER}`;

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
  // The cancel is committed: a failure here is made good by the sweep, and must not be the answer.
  await releaseDependents(installation, [id]).catch((error: unknown) =>
    installation.logger.warn('dependents were not released after a cancel; the sweep will', {
      error: messageOf(error),
    }),
  );
}

export interface CancelRequest {
  readonly jobId: number;
  readonly attempt: number;
  /** So old that its attempt must have ended. */
  readonly isStale: boolean;
}

/** The cancellations that wait for this worker. Only a worker that runs something asks. */
export async function readCancelRequests(db: Database, workerId: string): Promise<CancelRequest[]> {
  const { rows } = await db.query<CancelRequest>(
    `SELECT job_id AS "jobId", attempt, requested_at < now() - interval '1 minute' AS "isStale"
       FROM cancel_requests WHERE worker_id = $1`,
    [workerId],
  );
  return rows;
}

/** Those that were delivered, or came to nothing. */
export async function forgetCancelRequests(
  db: Database,
  workerId: string,
  requests: readonly CancelRequest[],
): Promise<void> {
  await db.query(
    `DELETE FROM cancel_requests WHERE worker_id = $1
        AND (job_id, attempt) IN (SELECT * FROM unnest($2::bigint[], $3::int[]))`,
    [workerId, requests.map(({ jobId }) => jobId), requests.map(({ attempt }) => attempt)],
  );
}
