import { isPostgresError } from '../postgres/postgres-error.js';
import type { QueryTarget } from '../postgres/query-target.js';
import { PermanentError } from './job-errors.js';
import type { OutcomeOf } from './outcome.js';
import {
  ATTEMPT_KEY,
  FENCE,
  HISTORY_COLUMNS,
  HISTORY_VALUES,
  runSettle,
  SHORT_LOCK_TIMEOUT,
  SUMMARY_OF_FINISHED,
  toParts,
  type Settlement,
} from './settle-statement.js';
import { isWithin } from './storable-json.js';
import { describeUnstorable, refuseUnstorable, UnstorableResults } from './unstorable-results.js';

/**
 * Running to completed, with its history row, and forgets finished claim batches ($4) along the way.
 * has_dependents is read from the row as it is after any wait for its lock, so that an edge added meanwhile is seen.
 */
const completeWhere = (fence: string) => `
  WITH settled AS (
    UPDATE jobs SET status = 'completed', completed_at = now(), updated_at = now(), error_message = NULL, error_class = NULL,
      result = $3::jsonb -> ${ATTEMPT_KEY} -> 'result'
     WHERE ${fence}
    RETURNING id, attempt, started_at, has_dependents, $3::jsonb -> ${ATTEMPT_KEY} AS its
  ), history AS (
    INSERT INTO job_executions (${HISTORY_COLUMNS}) SELECT ${HISTORY_VALUES}, 'completed' FROM settled
    ON CONFLICT DO NOTHING
  ), forgotten AS (
    DELETE FROM claim_batches WHERE worker_id = $2 AND batch_no = ANY ($4::bigint[])
  )${SUMMARY_OF_FINISHED}`;

const COMPLETE_JOBS = completeWhere(`${FENCE} AND ${SHORT_LOCK_TIMEOUT}`);

/** In the caller's transaction, whose lock_timeout is the caller's: a setting would outlast the statement. */
const COMPLETE_JOB_IN_TRANSACTION = completeWhere(FENCE);

type Completed = OutcomeOf<'completed'>;

export interface CompleteOptions {
  /** Claims whose jobs are all settled. */
  readonly finishedBatches: readonly number[];
  /** The largest result, in bytes of JSON. */
  readonly maxResultBytes: number;
}

/**
 * Returns the attempts that were still ours.
 *
 * @throws PostgresError; UnstorableResults, and then none of them is recorded
 */
export async function completeJobs(
  db: QueryTarget,
  workerId: string,
  outcomes: readonly Completed[],
  { finishedBatches, maxResultBytes }: CompleteOptions,
): Promise<Settlement> {
  try {
    const parts = toParts(outcomes, describe);
    // Together within what one may be: none can be larger.
    if (!isWithin(parts, maxResultBytes)) refuseUnstorable(outcomes, maxResultBytes);
    return await runSettle(db, COMPLETE_JOBS, workerId, outcomes, parts, [finishedBatches]);
  } catch (error) {
    const mayBeResult = !isPostgresError(error) || error.kind === 'bad_value';
    if (mayBeResult && !(error instanceof UnstorableResults)) refuseUnstorable(outcomes, maxResultBytes);
    throw error;
  }
}

/**
 * The same for one attempt, inside the caller's transaction. False: it was ours no longer.
 *
 * @throws PermanentError for a result that cannot be stored; what `tx` throws
 */
export async function completeJobIn(
  tx: QueryTarget,
  workerId: string,
  outcome: Completed,
  maxResultBytes: number,
): Promise<boolean> {
  const problem = describeUnstorable(outcome.result, maxResultBytes);
  if (problem !== undefined) throw new PermanentError(problem);
  const parts = toParts([outcome], describe);
  const { settled } = await runSettle(tx, COMPLETE_JOB_IN_TRANSACTION, workerId, [outcome], parts, [[]]);
  return settled.length > 0;
}

function describe({ result }: Completed): Record<string, unknown> {
  // JSON would leave it out, and nobody would know.
  if (typeof result === 'function' || typeof result === 'symbol') throw new TypeError('no value of JSON');
  return { result };
}
