import type { QueryTarget } from '../postgres/query-target.js';
import type { OutcomeOf } from './outcome.js';
import {
  ATTEMPT_KEY,
  FENCE,
  HISTORY_COLUMNS,
  HISTORY_VALUES,
  runSettle,
  type SettledRow,
} from './settle-statement.js';

/**
 * Running to completed, with its history row, and forgets finished claim batches ($4) along the way.
 * has_dependents is read from the row as it is after any wait for its lock, so that an edge added meanwhile is seen.
 */
const COMPLETE_JOBS = `
  WITH settled AS (
    UPDATE jobs SET status = 'completed', completed_at = now(), updated_at = now(), error_message = NULL, error_class = NULL,
      result = $3::jsonb -> ${ATTEMPT_KEY} -> 'result'
     WHERE ${FENCE}
    RETURNING id, attempt, started_at, has_dependents, $3::jsonb -> ${ATTEMPT_KEY} AS its
  ), history AS (
    INSERT INTO job_executions (${HISTORY_COLUMNS}) SELECT ${HISTORY_VALUES}, 'completed' FROM settled
    ON CONFLICT DO NOTHING
  ), forgotten AS (
    DELETE FROM claim_batches WHERE worker_id = $2 AND batch_no = ANY ($4::bigint[])
  )
  SELECT id, attempt, has_dependents AS "hasDependents", false AS "isReady" FROM settled`;

/** Returns the attempts that were still ours. @throws PostgresError; TypeError for a result that JSON cannot hold */
export function completeJobs(
  db: QueryTarget,
  workerId: string,
  outcomes: readonly OutcomeOf<'completed'>[],
  finishedBatches: readonly number[],
): Promise<SettledRow[]> {
  return runSettle(db, COMPLETE_JOBS, workerId, outcomes, ({ result }) => ({ result }), [finishedBatches]);
}
