import { HoldfastError, messageOf } from '../errors.js';
import { isPostgresError } from '../postgres/postgres-error.js';
import type { QueryTarget } from '../postgres/query-target.js';
import type { JobDefaults } from '../installation.js';
import { toRow, type NewJob } from './new-job.js';

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
const INSERT_JOBS = `
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
  ON CONFLICT DO NOTHING
  RETURNING id, created_at AS "createdAt", queue, priority, ready_at <= now() AS "isReady"`;

export interface InsertSettings {
  /** The transaction is ours, and we dispatch after it; else the trigger announces the jobs. */
  readonly isOwnCommit: boolean;
  readonly defaults: JobDefaults;
}

/**
 * Inserts jobs in the order given; a row whose key exists already is left out of the answer.
 *
 * @throws HoldfastError `validation_failed` when a value cannot be stored; PostgresError otherwise
 */
export async function insertJobs(
  target: QueryTarget,
  jobs: readonly NewJob[],
  { isOwnCommit, defaults }: InsertSettings,
): Promise<InsertedJob[]> {
  try {
    const { rows } = await target.query(INSERT_JOBS, [
      JSON.stringify(jobs.map((job) => toRow(job, defaults))),
      isOwnCommit,
    ]);
    return (rows as InsertedJob[]).map((row) => ({ ...row, id: Number(row.id) }));
  } catch (error) {
    if (!isUnstorable(error)) throw error;
    const problem = isPostgresError(error) ? explain(error.constraint, error.message) : messageOf(error);
    throw new HoldfastError('validation_failed', `the job cannot be stored: ${problem}`, {
      cause: error,
      details: [{ field: 'payload', problem }],
    });
  }
}

/** JSON.stringify throws a TypeError for what JSON has no word for: circular structures, BigInt. */
function isUnstorable(error: unknown): boolean {
  return error instanceof TypeError || isPostgresError(error, 'bad_value', 'constraint');
}

function explain(constraint: string | undefined, message: string): string {
  return constraint === 'queue_name_check' ? 'queue must match [a-z0-9][a-z0-9_.-]{0,62}' : message;
}

const INSERT_DEPENDENCIES = `
  INSERT INTO job_dependencies (job_id, depends_on_job_id, on_failure)
  SELECT d.child, d.parent, d.on_failure
    FROM json_to_recordset($1::json) AS d (child bigint, parent bigint, on_failure dependency_policy)
  ON CONFLICT DO NOTHING`;

/**
 * Inserts the edges of all the jobs in one statement, so that its trigger locks all the parents in the order of their ids:
 * two submits that depend on the same jobs wait for each other, and never deadlock.
 *
 * @throws HoldfastError `validation_failed` when a parent does not exist
 */
export async function insertDependencies(
  target: QueryTarget,
  jobs: readonly { readonly id: number; readonly dependsOn: NewJob['dependsOn'] }[],
): Promise<void> {
  const edges = jobs.flatMap(({ id, dependsOn = [] }) =>
    dependsOn.map(({ jobId, onFailure = 'block' }) => ({ child: id, parent: jobId, on_failure: onFailure })),
  );
  if (edges.length === 0) return;
  try {
    await target.query(INSERT_DEPENDENCIES, [JSON.stringify(edges)]);
  } catch (error) {
    if ((error as { constraint?: string }).constraint !== 'job_dependencies_depends_on_job_id_fkey')
      throw error;
    const problem = `no such job among ${[...new Set(edges.map(({ parent }) => parent))].join(', ')}`;
    throw new HoldfastError('validation_failed', `depends_on: ${problem}`, {
      cause: error,
      details: [{ field: 'depends_on', problem }],
    });
  }
}
