import { messageOf } from '../errors.js';
import type { Installation } from '../installation.js';
import { lockTimeout } from '../postgres/lock-timeout.js';
import { changeMany, type BulkChange, type BulkOptions } from './change-many.js';
import { findChosenUnfinished } from './find-chosen.js';
import { choiceValues, matchesChoice, type JobChoice } from './job-choice.js';
import { RAN_FOR_MS } from './ran-for.js';
import { RELEASED_BY_CALLER, releaseDependents } from './release-dependents.js';

export const CANCELLABLE = ['pending', 'running'] as const;

/** Which pending and running jobs. */
export interface CancelChoice extends JobChoice {
  readonly status?: (typeof CANCELLABLE)[number] | undefined;
}

export interface CancelManyOptions extends BulkOptions {
  /** Kept as the jobs' error_message. */
  readonly reason?: string | undefined;
}

/**
 * $1 to $6 the choice, $7 ids, $8 reason. What cancel_job does, for many: a running job's attempt is recorded as cancelled,
 * and its worker told. The rows are locked in the order of their ids, and read as they are then; what somebody else holds is
 * left out.
 */
const CANCEL_MANY = `
  WITH candidate AS MATERIALIZED (
    SELECT j.id, j.status, j.attempt, j.worker_id, j.started_at FROM jobs j
     WHERE j.id = ANY ($7::bigint[]) AND ${matchesChoice('j')}
       AND ${lockTimeout('300ms')} AND ${RELEASED_BY_CALLER}
     ORDER BY j.id FOR NO KEY UPDATE SKIP LOCKED
  ), cancelled AS (
    UPDATE jobs SET status = 'cancelled', completed_at = now(), error_class = 'cancelled',
      error_message = COALESCE($8, 'cancelled'), updated_at = clock_timestamp()
     WHERE id = ANY (ARRAY(SELECT id FROM candidate))
    RETURNING id, job_type, queue, has_dependents
  ), history AS (
    INSERT INTO job_executions (job_id, attempt, worker_id, status, started_at, finished_at, duration_ms, error_class, error_message)
    SELECT id, attempt, worker_id, 'cancelled', started_at, now(), ${RAN_FOR_MS}, 'cancelled',
           COALESCE($8, 'cancelled')
      FROM candidate WHERE status = 'running'
    ON CONFLICT DO NOTHING
  ), told AS (
    INSERT INTO cancel_requests (worker_id, job_id, attempt)
    SELECT worker_id, id, attempt FROM candidate WHERE status = 'running' AND worker_id IS NOT NULL
    ON CONFLICT DO NOTHING
  )
  SELECT id, job_type AS "jobType", queue, has_dependents AS "hasDependents" FROM cancelled ORDER BY id`;

const STILL_MATCH = `SELECT 1 FROM jobs j WHERE j.id = ANY ($7::bigint[]) AND ${matchesChoice('j')} LIMIT 1`;

interface CancelledJob {
  readonly id: number;
  readonly jobType: string;
  readonly queue: string;
  readonly hasDependents: boolean;
}

/**
 * Cancels pending and running jobs: as `cancelJob` does, many at a time. Handlers that run are told to stop within a second.
 *
 * @throws PostgresError: what was done by then stays done
 */
export async function cancelMany(
  installation: Installation,
  choice: CancelChoice,
  { reason, ...options }: CancelManyOptions = {},
): Promise<BulkChange> {
  const { db } = installation;
  const values = choiceValues(choice, CANCELLABLE);
  return changeMany(
    {
      pages: findChosenUnfinished(db, choice, CANCELLABLE),
      change: async (ids) => {
        const { rows } = await db.query<CancelledJob>(CANCEL_MANY, [...values, ids, reason ?? null]);
        await follow(installation, rows);
        return rows.map(({ id }) => id);
      },
      stillMatch: async (ids) => (await db.query(STILL_MATCH, [...values, ids])).rows.length > 0,
    },
    options,
  );
}

/** After the commit. A failure here is made good by the sweep, and must not be the answer. */
async function follow(installation: Installation, cancelled: readonly CancelledJob[]): Promise<void> {
  for (const { id, jobType, queue } of cancelled)
    installation.events.emit('cancelled', { id, jobType, queue });
  const parents = cancelled.filter(({ hasDependents }) => hasDependents).map(({ id }) => id);
  await releaseDependents(installation, parents).catch((error: unknown) =>
    installation.logger.warn('dependents were not released after cancels; the sweep will', {
      error: messageOf(error),
    }),
  );
}
