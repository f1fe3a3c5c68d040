import { HoldfastError, type FieldProblem } from '../errors.js';
import { isPostgresError, type PostgresError } from '../postgres/postgres-error.js';
import type { QueryTarget } from '../postgres/query-target.js';
import type { JobDefaults } from '../installation.js';
import type { NewJob } from './new-job.js';
import { findUnstorableJob, refuseJob, toJson } from './refuse-job.js';

export interface InsertedJob {
  readonly id: number;
  readonly createdAt: Date;
  readonly queue: string;
  readonly priority: number;
  readonly isReady: boolean;
}

/**
 * One INSERT for all of them. One json parameter costs the client a quarter of what an array per column does
 * (docs/performance.md). Ids are assigned in the order of the rows, since the sort runs before the defaults.
 * $2 tells the trigger who dispatches; see jobs_announce.
 */
const insertJobsWith = (onConflict: string) => `
  INSERT INTO jobs (job_type, queue, priority, payload, max_retries, timeout_ms, scheduled_at, metadata, tags, created_by,
                    unique_key, idempotency_key, request_hash)
  SELECT j.job_type, COALESCE(j.queue, 'default'), COALESCE(j.priority, 50), j.payload, COALESCE(j.max_retries, 3),
         COALESCE(j.timeout_ms, 300000), COALESCE(j.scheduled_at, now() + j.delay_ms * interval '1 millisecond'),
         j.metadata, j.tags, j.created_by, j.unique_key, j.idempotency_key, j.request_hash
    FROM (SELECT CASE WHEN $2 THEN set_config('holdfast.dispatched_by', 'submitter', true) END OFFSET 0) AS announced,
         ROWS FROM (json_to_recordset($1::json) AS (
           job_type text, queue text, priority int, payload jsonb, max_retries int, timeout_ms int, scheduled_at timestamptz,
           delay_ms double precision, metadata jsonb, tags text[], created_by text, unique_key text, idempotency_key text,
           request_hash text
         )) WITH ORDINALITY AS j
   ORDER BY j.ordinality
  ${onConflict}
  RETURNING id, created_at AS "createdAt", queue, priority, ready_at <= now() AS "isReady"`;

/** Without a key, a row that is in the way has the id that is next: an error, not a row left out that nobody misses. */
const INSERT_PLAIN = insertJobsWith('');
const INSERT_KEYED = insertJobsWith('ON CONFLICT DO NOTHING');

export interface InsertSettings {
  /** The transaction is ours, and we dispatch after it; else the trigger announces the jobs. */
  readonly isOwnCommit: boolean;
  /** Each job has a statement of its own, and may be there already. */
  readonly isKeyed: boolean;
  readonly defaults: JobDefaults;
}

/**
 * Inserts jobs in the order given. With `isKeyed`, a row whose key, or id, exists already is left out of the answer.
 *
 * @throws HoldfastError `validation_failed` when a value cannot be stored, `busy` when the next id was taken by hand;
 *   PostgresError otherwise
 */
export async function insertJobs(
  target: QueryTarget,
  jobs: readonly NewJob[],
  { isOwnCommit, isKeyed, defaults }: InsertSettings,
): Promise<InsertedJob[]> {
  const json = toJson(jobs, defaults);
  try {
    const { rows } = await target.query(isKeyed ? INSERT_KEYED : INSERT_PLAIN, [json, isOwnCommit]);
    return (rows as InsertedJob[]).map((row) => ({ ...row, id: Number(row.id) }));
  } catch (error) {
    if (constraintOf(error) === 'jobs_pkey') throw idTaken(error);
    if (!isPostgresError(error, 'bad_value', 'constraint')) throw error;
    throw findUnstorableJob(jobs, defaults, error) ?? refuseJob(describeRefusal(error), error);
  }
}

/** What PostgreSQL did not take, and nothing that we look at explains. */
function describeRefusal({ constraint, message }: PostgresError): FieldProblem {
  if (constraint === 'queue_name_check')
    return { field: 'queue', problem: 'must match [a-z0-9][a-z0-9_.-]{0,62}' };
  return { field: 'payload', problem: `or another value of it was refused: ${message}` };
}

/** Of a caller's own transaction, the driver's error comes as it is. */
const constraintOf = (error: unknown) => (error as { constraint?: unknown } | null)?.constraint;

/** Each try uses up ids, so that trying again gets past a few of them. */
const idTaken = (cause: unknown) =>
  new HoldfastError(
    'busy',
    'nothing was stored: the next id of table jobs was given to a row by hand. Try again, or move the ids on at once: ' +
      `SELECT setval(pg_get_serial_sequence('jobs', 'id'), (SELECT max(id) FROM jobs))`,
    { cause },
  );
