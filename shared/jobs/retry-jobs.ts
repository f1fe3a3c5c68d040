import type { QueryTarget } from '../postgres/query-target.js';
import type { OutcomeOf } from './outcome.js';
import {
  ATTEMPT_KEY,
  errorParts,
  FAILURE_HISTORY,
  FENCE,
  runSettle,
  SHORT_LOCK_TIMEOUT,
  SUMMARY_OF_PENDING,
  toParts,
  type Settlement,
} from './settle-statement.js';

/** Running to pending, due after the backoff; the failure is on record and charged. */
const RETRY_JOBS = `
  WITH settled AS (
    UPDATE jobs SET status = 'pending', worker_id = NULL, updated_at = now(), retry_count = retry_count + 1,
      scheduled_at = now() + ($3::jsonb -> ${ATTEMPT_KEY} ->> 'delay_ms')::float8 * interval '1 millisecond',
      error_message = $3::jsonb -> ${ATTEMPT_KEY} ->> 'message', error_class = $3::jsonb -> ${ATTEMPT_KEY} ->> 'error_class'
     WHERE ${FENCE} AND ${SHORT_LOCK_TIMEOUT}
    RETURNING id, attempt, started_at, scheduled_at <= now() AS is_ready, $3::jsonb -> ${ATTEMPT_KEY} AS its
  ), history AS (${FAILURE_HISTORY}
  )${SUMMARY_OF_PENDING}`;

/** Returns the attempts that were still ours. @throws PostgresError */
export function retryJobs(
  db: QueryTarget,
  workerId: string,
  outcomes: readonly OutcomeOf<'retried'>[],
): Promise<Settlement> {
  const parts = toParts(outcomes, ({ error, delayMs }) => ({ ...errorParts(error), delay_ms: delayMs }));
  return runSettle(db, RETRY_JOBS, workerId, outcomes, parts);
}
