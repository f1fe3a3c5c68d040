import type { Database } from '../postgres/create-database.js';
import type { JobState, JobStatus } from './job-state.js';
import { SHOWN_IDEMPOTENCY_KEY } from './shown-idempotency-key.js';

/** A row of `jobs` as the API shows it, with its derived state. Times are ISO 8601 when serialised. */
export interface JobRow {
  readonly id: number;
  readonly queue: string;
  readonly job_type: string;
  readonly status: JobStatus;
  readonly priority: number;
  readonly payload: unknown;
  readonly result: unknown;
  readonly error_message: string | null;
  readonly error_class: string | null;
  readonly attempt: number;
  readonly retry_count: number;
  readonly max_retries: number;
  readonly timeout_ms: number;
  readonly lost_count: number;
  readonly unmet_dependencies: number;
  readonly progress: number | null;
  readonly scheduled_at: Date | null;
  readonly released_at: Date | null;
  readonly ready_at: Date;
  readonly started_at: Date | null;
  readonly completed_at: Date | null;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly created_by: string | null;
  readonly worker_id: string | null;
  readonly metadata: Record<string, unknown> | null;
  readonly tags: string[] | null;
  readonly unique_key: string | null;
  /** As the caller gave it, without the API key that it is kept apart by. */
  readonly idempotency_key: string | null;
}

/** The columns of JobRow, for a row `j` of jobs. What only the engine uses stays inside. */
export const JOB_COLUMNS = `j.id, j.queue, j.job_type, j.status, j.priority, j.payload, j.result, j.error_message, j.error_class,
  j.attempt, j.retry_count, j.max_retries, j.timeout_ms, j.lost_count, j.unmet_dependencies, j.progress, j.scheduled_at,
  j.released_at, j.ready_at, j.started_at, j.completed_at, j.created_at, j.updated_at, j.created_by, j.worker_id, j.metadata,
  j.tags, j.unique_key, ${SHOWN_IDEMPOTENCY_KEY}`;

export interface Execution {
  readonly attempt: number;
  readonly worker_id: string | null;
  readonly status: 'completed' | 'failed' | 'timed_out' | 'cancelled' | 'lost' | 'released';
  readonly started_at: Date;
  readonly finished_at: Date;
  readonly duration_ms: number;
  readonly error_message: string | null;
  readonly error_class: string | null;
  readonly error_stack: string | null;
  readonly logs: unknown;
}

export interface DependencyRow {
  readonly job_id: number;
  readonly on_failure: 'block' | 'cancel' | 'run';
  readonly satisfied_at: Date | null;
  readonly status: JobStatus;
}

/** A time that the job died: its own, or of the deleted job that it is the replay of. */
export interface DeadLetterOfJob {
  readonly id: number;
  readonly job_id: number;
  readonly status: 'open' | 'replayed' | 'discarded';
  readonly reason: 'max_retries' | 'permanent' | 'poison' | 'dependency';
  readonly attempts: number;
  readonly created_at: Date;
  readonly reviewed_at: Date | null;
  readonly replayed_job_id: number | null;
}

/** A job with all that is known of it. */
export interface JobDetail extends JobRow {
  readonly state: JobState;
  readonly reason: string;
  /** In the order of their attempts; of very many the last 1,000. */
  readonly executions: readonly Execution[];
  /** How many attempts are on record, those too that `executions` leaves out. */
  readonly executions_total: number;
  readonly depends_on: readonly DependencyRow[];
  readonly dependents: readonly DependencyRow[];
  readonly dead_letters: readonly DeadLetterOfJob[];
}

export const EXECUTION_COLUMNS = `attempt, worker_id, status, started_at, finished_at, duration_ms, error_message, error_class,
  error_stack, logs`;

/** Of very many attempts the last ones, since these tell how the job stands; of neighbours the first ones. */
const MOST_LISTED = 1_000;
const listed = (rows: string, order = '') =>
  `ARRAY(SELECT to_json(listed) FROM (${rows} LIMIT ${MOST_LISTED}) listed ${order})`;

/**
 * Sorted here, not there: a plan that was kept while there was hardly a letter would get their order by walking all of them.
 */
const LETTERS = `SELECT d.id, d.job_id, d.status, d.reason, d.attempts, d.created_at, d.reviewed_at, d.replayed_job_id
                FROM dead_letter_jobs d WHERE`;

/** One statement, so that a row and its attempts are of the same moment. */
const READ_JOBS = `
  SELECT ${JOB_COLUMNS}, e.state, e.reason,
    ${listed(
      `SELECT ${EXECUTION_COLUMNS}
                FROM job_executions WHERE job_id = j.id ORDER BY attempt DESC`,
      'ORDER BY listed.attempt',
    )} AS executions,
    (SELECT count(*) FROM job_executions WHERE job_id = j.id) AS executions_total,
    ${listed(`SELECT d.depends_on_job_id AS job_id, d.on_failure, d.satisfied_at, p.status
                FROM job_dependencies d JOIN jobs p ON p.id = d.depends_on_job_id WHERE d.job_id = j.id ORDER BY 1`)} AS depends_on,
    ${listed(`SELECT d.job_id, d.on_failure, d.satisfied_at, c.status
                FROM job_dependencies d JOIN jobs c ON c.id = d.job_id WHERE d.depends_on_job_id = j.id ORDER BY 1`)} AS dependents,
    ${listed(`${LETTERS} d.job_id = j.id UNION ALL ${LETTERS} d.replayed_job_id = j.id AND d.job_id <> j.id`)} AS dead_letters
    FROM jobs j CROSS JOIN LATERAL explain_job(j) e WHERE j.id = ANY ($1::bigint[])`;

/** As it comes out of to_json: times are text. */
export type AsJson<Row> = {
  [Key in keyof Row]: Row[Key] extends Date
    ? string
    : Row[Key] extends Date | null
      ? string | null
      : Row[Key];
};

/** By id; who is left out does not exist. Of very many attempts the last 1,000, of neighbours the first. @throws PostgresError */
export async function readJobs(db: Database, ids: readonly number[]): Promise<Map<number, JobDetail>> {
  interface Row extends Omit<JobDetail, 'executions' | 'depends_on' | 'dependents' | 'dead_letters'> {
    readonly executions: AsJson<Execution>[];
    readonly depends_on: AsJson<DependencyRow>[];
    readonly dependents: AsJson<DependencyRow>[];
    readonly dead_letters: AsJson<DeadLetterOfJob>[];
  }
  const { rows } = await db.query<Row>(READ_JOBS, [ids]);
  return new Map(
    rows.map((job) => [
      job.id,
      {
        ...job,
        executions: job.executions.map(toExecution),
        depends_on: job.depends_on.map(toDependency),
        dependents: job.dependents.map(toDependency),
        dead_letters: job.dead_letters.map(toDeadLetter).sort((a, b) => a.id - b.id),
      },
    ]),
  );
}

export const toExecution = (one: AsJson<Execution>): Execution => ({
  ...one,
  started_at: new Date(one.started_at),
  finished_at: new Date(one.finished_at),
});

const toDependency = ({ satisfied_at: at, ...rest }: AsJson<DependencyRow>): DependencyRow => ({
  ...rest,
  satisfied_at: at === null ? null : new Date(at),
});

const toDeadLetter = (one: AsJson<DeadLetterOfJob>): DeadLetterOfJob => ({
  ...one,
  created_at: new Date(one.created_at),
  reviewed_at: one.reviewed_at === null ? null : new Date(one.reviewed_at),
});

export interface JobOutcome {
  readonly status: JobStatus;
  readonly result: unknown;
  /** False: the handler returned nothing, and `result` is null; a handler may also return null. */
  readonly hasResult: boolean;
  readonly errorMessage: string | null;
  readonly errorClass: string | null;
}

/** Just how a job stands: what somebody who waits for it asks. */
export async function readJobOutcome(db: Database, id: number): Promise<JobOutcome | null> {
  const { rows } = await db.query<JobOutcome>(
    `SELECT status, result, result IS NOT NULL AS "hasResult", error_message AS "errorMessage", error_class AS "errorClass"
       FROM jobs WHERE id = $1`,
    [id],
  );
  return rows[0] ?? null;
}
