import { lockTimeout } from '../postgres/lock-timeout.js';
import { toNumberArray } from '../postgres/number-array.js';
import type { QueryTarget } from '../postgres/query-target.js';
import { bySearch, type RowsOfIds } from '../postgres/rows-of-ids.js';
import { attemptKey, inLockOrder, type AttemptError, type Outcome } from './outcome.js';
import { isWithin, MOST_BYTES_TOGETHER } from './storable-json.js';

/** What a settle statement did. */
export interface Settlement {
  /** Those of the outcomes whose attempts were still ours. */
  readonly settled: readonly Outcome[];
  /** Finished jobs that others depend on. */
  readonly parentIds: readonly number[];
  /** Jobs that are pending again and due: dispatch them. */
  readonly readyIds: readonly number[];
}

/**
 * The settle statements share their parameters and their fence.
 *
 * $1 ids in order, $2 worker id, $3 the attempt of each, $4 how long each ran in ms, $5 a jsonb object from id to what else
 * belongs to it, for those that have more. A row finds its place in the arrays by a binary search, which keeps the statement
 * a walk along the primary key; joining an unnest() went quadratic with stale statistics.
 *
 * The fence is id, attempt, worker and status: a row that does not match was taken from us.
 */
export const PLACE = `width_bucket(id, $1::bigint[])`;
export const fenceWhere = (isOneOf: RowsOfIds) =>
  `${isOneOf('$1')} AND worker_id = $2 AND status = 'running' AND attempt = ($3::int[])[${PLACE}]`;
export const FENCE = fenceWhere(bySearch);
export const DETAILS = `$5::jsonb -> id::text`;
const ATTEMPT_KEY = `(id || ':' || attempt)`;

export const SHORT_LOCK_TIMEOUT = lockTimeout('300ms');

/**
 * A history row that is there already stays (a person may have set `attempt` back): settling must not fail for it.
 * The columns of a history row that all settles fill alike, for a FROM item `settled` that has `its`, its part of $5.
 */
export const HISTORY_COLUMNS = `job_id, attempt, worker_id, started_at, duration_ms, logs, status`;
export const HISTORY_VALUES = `id, attempt, $2, started_at, ($4::int[])[${PLACE}], its -> 'logs'`;

/** Of a failed attempt, for the same FROM item. */
export const FAILURE_HISTORY = `
    INSERT INTO job_executions (${HISTORY_COLUMNS}, error_message, error_class, error_stack)
    SELECT ${HISTORY_VALUES}, CASE its ->> 'error_class' WHEN 'timeout' THEN 'timed_out' ELSE 'failed' END::execution_status,
           its ->> 'message', its ->> 'error_class', its ->> 'stack' FROM settled
    ON CONFLICT DO NOTHING`;

/**
 * One row for all of them: what differs from the usual is named, the rest is counted. `settled` has `has_dependents` where
 * jobs finish, and `is_ready` where they go back to pending.
 */
const summarize = (parents: string, ready: string) => `
  SELECT (SELECT count(*) FROM settled)::int AS count,
    ARRAY(SELECT ${ATTEMPT_KEY} FROM settled WHERE (SELECT count(*) FROM settled) < cardinality($1::bigint[])) AS keys,
    ARRAY(SELECT id FROM settled WHERE ${parents}) AS "parentIds", ARRAY(SELECT id FROM settled WHERE ${ready}) AS "readyIds"`;
export const SUMMARY_OF_FINISHED = summarize('has_dependents', 'false');
export const SUMMARY_OF_PENDING = summarize('false', 'is_ready');

/** What an int holds. */
const LONGEST_MS = 2 ** 31 - 1;

/** What FAILURE_HISTORY reads. */
export const errorParts = ({ message, errorClass, stack }: AttemptError) => ({
  message,
  error_class: errorClass,
  stack,
});

/** The parameters of a settle statement, but for the worker. */
export interface SettleBatch<Kind extends Outcome = Outcome> {
  /** In id order, as everybody who locks several jobs. Of two attempts of one job the later one stands last, and counts. */
  readonly outcomes: readonly Kind[];
  /** $5 */
  readonly details: string;
}

/** `describe` gives what the statement reads of an outcome, or undefined when that is nothing. @throws what JSON.stringify throws */
export function toBatch<Kind extends Outcome>(
  unordered: readonly Kind[],
  describe: (outcome: Kind) => Record<string, unknown> | undefined,
): SettleBatch<Kind> {
  const outcomes = unordered.toSorted((a, b) => inLockOrder(a.job, b.job));
  // Put together by hand: an object of hundreds of keys that are never the same twice is dear to make.
  const details: string[] = [];
  for (const outcome of outcomes) {
    const { job, logs } = outcome;
    const described = describe(outcome);
    if (described === undefined && logs.length === 0) continue;
    const detail = logs.length > 0 ? { ...described, logs } : described;
    details.push(`"${job.id}":${JSON.stringify(detail)}`);
  }
  return { outcomes, details: `{${details.join(',')}}` };
}

interface Summary {
  readonly count: number;
  /** Empty when all were settled. */
  readonly keys: readonly string[];
  readonly parentIds: readonly number[];
  readonly readyIds: readonly number[];
}

/**
 * Runs a settle statement for outcomes of one kind.
 *
 * @throws PostgresError; RangeError when several are too much for one statement
 */
export async function runSettle(
  target: QueryTarget,
  statement: string,
  workerId: string,
  { outcomes, details }: SettleBatch,
  extra: unknown[] = [],
): Promise<Settlement> {
  if (outcomes.length > 1 && !isWithin(details, MOST_BYTES_TOGETHER))
    throw new RangeError(`${outcomes.length} outcomes are too much for one statement`);
  const ids = toNumberArray(outcomes.map(({ job }) => job.id));
  const attempts = toNumberArray(outcomes.map(({ job }) => job.attempt));
  const durations = toNumberArray(
    outcomes.map(({ durationMs }) => Math.min(Math.round(durationMs), LONGEST_MS)),
  );
  const { rows } = await target.query(statement, [ids, workerId, attempts, durations, details, ...extra]);
  const { count, keys, parentIds, readyIds } = rows[0] as Summary;
  if (count === outcomes.length) return { settled: outcomes, parentIds, readyIds };
  const settledKeys = new Set(keys);
  return { settled: outcomes.filter(({ job }) => settledKeys.has(attemptKey(job))), parentIds, readyIds };
}
