import type { QueryTarget } from '../postgres/query-target.js';
import type { OutcomeOf } from './outcome.js';
import {
  DETAILS,
  errorParts,
  FAILURE_HISTORY,
  FENCE,
  runSettle,
  SHORT_LOCK_TIMEOUT,
  SUMMARY_OF_PENDING,
  toBatch,
  type Settlement,
} from './settle-statement.js';

/** Running to pending, due after the backoff; the failure is on record and charged. */
const RETRY_JOBS = `
  WITH settled AS (
    UPDATE jobs SET status = 'pending', worker_id = NULL, updated_at = now(), retry_count = retry_count + 1,
      scheduled_at = now() + (${DETAILS} ->> 'delay_ms')::float8 * interval '1 millisecond',
      error_message = ${DETAILS} ->> 'message', error_class = ${DETAILS} ->> 'error_class'
     WHERE ${FENCE} AND ${SHORT_LOCK_TIMEOUT}
    RETURNING id, attempt, started_at, scheduled_at <= now() AS is_ready, ${DETAILS} AS its
  ), history AS (${FAILURE_HISTORY}
  )${SUMMARY_OF_PENDING}`;

/** Returns the attempts that were still ours. @throws PostgresError */
export function retryJobs(
  db: QueryTarget,
  workerId: string,
  outcomes: readonly OutcomeOf<'retried'>[],
): Promise<Settlement> {
  const batch = toBatch(outcomes, ({ error, delayMs }) => ({ ...errorParts(error), delay_ms: delayMs }));
  return runSettle(db, RETRY_JOBS, workerId, batch);
}
