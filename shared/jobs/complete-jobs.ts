import { isPostgresError } from '../postgres/postgres-error.js';
import type { QueryTarget } from '../postgres/query-target.js';
import { areClose, byWalk } from '../postgres/rows-of-ids.js';
import { PermanentError } from './job-errors.js';
import type { OutcomeOf } from './outcome.js';
import {
  DETAILS,
  FENCE,
  fenceWhere,
  HISTORY_COLUMNS,
  HISTORY_VALUES,
  runSettle,
  SHORT_LOCK_TIMEOUT,
  SUMMARY_OF_FINISHED,
  toBatch,
  type Settlement,
} from './settle-statement.js';
import { isWithin } from './storable-json.js';
import { describeUnstorable, refuseUnstorable, UnstorableResults } from './unstorable-results.js';

/**
 * Running to completed, with its history row, and forgets finished claim batches ($6) along the way.
 * has_dependents is read from the row as it is after any wait for its lock, so that an edge added meanwhile is seen.
 */
const completeWhere = (fence: string, onConflict: string) => `
  WITH settled AS (
    UPDATE jobs SET status = 'completed', completed_at = now(), updated_at = now(), error_message = NULL, error_class = NULL,
      result = ${DETAILS} -> 'result'
     WHERE ${fence}
    RETURNING id, attempt, started_at, has_dependents, ${DETAILS} AS its
  ), history AS (
    INSERT INTO job_executions (${HISTORY_COLUMNS}) SELECT ${HISTORY_VALUES}, 'completed' FROM settled
    ${onConflict}
  ), forgotten AS (
    DELETE FROM claim_batches WHERE worker_id = $2 AND batch_no = ANY ($6::bigint[])
  )${SUMMARY_OF_FINISHED}`;

const ALONE = `${FENCE} AND ${SHORT_LOCK_TIMEOUT}`;
/** ON CONFLICT makes each history row half as dear again (it is inserted on trial), for what next to never happens. */
const COMPLETE_JOBS = completeWhere(ALONE, '');
const COMPLETE_CLOSE_JOBS = completeWhere(`${fenceWhere(byWalk)} AND ${SHORT_LOCK_TIMEOUT}`, '');
const COMPLETE_JOBS_ON_RECORD = completeWhere(ALONE, 'ON CONFLICT DO NOTHING');

/** In the caller's transaction, whose lock_timeout is the caller's: a setting would outlast the statement. */
const COMPLETE_JOB_IN_TRANSACTION = completeWhere(FENCE, 'ON CONFLICT DO NOTHING');

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
    const batch = toBatch(outcomes, describe);
    // Together within what one may be: none can be larger.
    if (!isWithin(batch.details, maxResultBytes)) refuseUnstorable(outcomes, maxResultBytes);
    const run = (statement: string) => runSettle(db, statement, workerId, batch, [finishedBatches]);
    const isClose = areClose(batch.outcomes.map(({ job }) => job.id));
    return await run(isClose ? COMPLETE_CLOSE_JOBS : COMPLETE_JOBS).catch((error: unknown) => {
      if (!isPostgresError(error, 'constraint') || error.constraint !== 'job_executions_pkey') throw error;
      return run(COMPLETE_JOBS_ON_RECORD);
    });
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
  const batch = toBatch([outcome], describe);
  const { settled } = await runSettle(tx, COMPLETE_JOB_IN_TRANSACTION, workerId, batch, [[]]);
  return settled.length > 0;
}

function describe({ result }: Completed): Record<string, unknown> | undefined {
  // JSON would leave it out, and nobody would know.
  if (typeof result === 'function' || typeof result === 'symbol') throw new TypeError('no value of JSON');
  return result === undefined ? undefined : { result };
}
