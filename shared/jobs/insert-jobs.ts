import { HoldfastError, type FieldProblem } from '../errors.js';
import { isPostgresError, type PostgresError } from '../postgres/postgres-error.js';
import type { QueryTarget } from '../postgres/query-target.js';
import type { JobDefaults } from '../installation.js';
import {
  INSERT_COLUMNS,
  INSERT_VALUES,
  JSON_FIELDS,
  MAX_RETRIES,
  PRIORITY,
  QUEUE,
  SCHEDULED_AT,
  TIMEOUT_MS,
} from './insert-columns.js';
import { QUEUE_NAME_RULE } from './job-limits.js';
import type { NewJob } from './new-job.js';
import { findUnstorableJob, refuseJob, toJson } from './refuse-job.js';

export interface InsertedJob {
  readonly id: number;
  readonly createdAt: Date;
  readonly queue: string;
  readonly priority: number;
  readonly isReady: boolean;
}

/** $2 tells the trigger who dispatches; see jobs_announce. */
const ANNOUNCED = `(SELECT CASE WHEN $2 THEN set_config('holdfast.dispatched_by', 'submitter', true) END OFFSET 0) AS announced`;

/**
 * One INSERT for all of them. $1 has an object for each run of jobs that differ in nothing but their payloads: most batches
 * are one run, and then cost half of what an object for each job does (docs/performance.md). Ids are assigned in the order
 * of the jobs, since the sort runs before the defaults. With OFFSET 0, what a run has in common is checked once and not for each job.
 */
const INSERT_MANY = `
  WITH inserted AS (
    INSERT INTO jobs (${INSERT_COLUMNS})
    SELECT run.job_type, run.queue, run.priority, NULLIF(job.payload, 'null'), run.max_retries, run.timeout_ms, run.scheduled_at,
           run.metadata, run.tags, run.created_by, run.unique_key, run.idempotency_key, run.request_hash
      FROM ${ANNOUNCED},
           (SELECT ${QUEUE} AS queue, ${PRIORITY} AS priority, ${MAX_RETRIES} AS max_retries, ${TIMEOUT_MS} AS timeout_ms,
                   ${SCHEDULED_AT} AS scheduled_at,
                   job_type, payloads, metadata, tags, created_by, unique_key, idempotency_key, request_hash, ordinality
              FROM ROWS FROM (jsonb_to_recordset($1::jsonb) AS (payloads jsonb, ${JSON_FIELDS})) WITH ORDINALITY
            OFFSET 0) AS run,
           jsonb_array_elements(run.payloads) WITH ORDINALITY AS job (payload, ordinality)
     ORDER BY run.ordinality, job.ordinality
    RETURNING id, created_at, queue, priority, ready_at <= now() AS is_ready
  )
  SELECT json_agg(id) AS ids, created_at AS "createdAt", queue, priority, is_ready AS "isReady"
    FROM inserted GROUP BY created_at, queue, priority, is_ready`;

/** One job, $1: without what many need, which made a submit to an idle system a fifth dearer (docs/performance.md). */
const insertOne = (onConflict: string) => `
  INSERT INTO jobs (${INSERT_COLUMNS})
  SELECT ${INSERT_VALUES}
    FROM ${ANNOUNCED}, jsonb_to_record($1::jsonb) AS job (payload jsonb, ${JSON_FIELDS})
  ${onConflict}
  RETURNING json_build_array(id) AS ids, created_at AS "createdAt", queue, priority, ready_at <= now() AS "isReady"`;

/** Without a key, a row that is in the way has the id that is next: an error, not a row left out that nobody misses. */
const INSERT_ONE = insertOne('');
const INSERT_KEYED = insertOne('ON CONFLICT DO NOTHING');

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
    const statement = jobs.length > 1 ? INSERT_MANY : isKeyed ? INSERT_KEYED : INSERT_ONE;
    const { rows } = await target.query(statement, [json, isOwnCommit]);
    return inOrder(rows as InsertedGroup[]);
  } catch (error) {
    if (constraintOf(error) === 'jobs_pkey') throw idTaken(error);
    if (!isPostgresError(error, 'bad_value', 'constraint')) throw error;
    throw findUnstorableJob(jobs, defaults, error) ?? refuseJob(describeRefusal(error), error);
  }
}

/** Inserted jobs that are alike but for their ids. */
interface InsertedGroup extends Omit<InsertedJob, 'id'> {
  readonly ids: readonly number[];
}

/** Nearly always it is one group. Ids were assigned in the order of the jobs. */
function inOrder(groups: readonly InsertedGroup[]): InsertedJob[] {
  const inserted = groups.flatMap(({ ids, ...common }) => ids.map((id) => ({ id, ...common })));
  return groups.length > 1 ? inserted.sort((a, b) => a.id - b.id) : inserted;
}

/** What PostgreSQL did not take, and nothing that we look at explains. */
function describeRefusal({ constraint }: PostgresError): FieldProblem {
  if (constraint === 'queue_name_check') return { field: 'queue', problem: QUEUE_NAME_RULE };
  return { field: 'payload', problem: 'or another value of it is one that PostgreSQL cannot store' };
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
