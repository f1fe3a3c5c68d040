import { HoldfastError } from '../errors.js';
import type { JobStatus } from '../jobs/job-state.js';
import { EXECUTION_COLUMNS, toExecution, type AsJson, type Execution } from '../jobs/read-job.js';
import type { Database } from '../postgres/create-database.js';
import { DEAD_LETTER_COLUMNS, type DeadLetterRow } from './dead-letter.js';

/** A dead letter with all that is known of it. */
export interface DeadLetterDetail extends DeadLetterRow {
  /** What the job died of; a corrected replay does not change it. */
  readonly payload: unknown;
  /** What the replay ran with, when that was corrected. */
  readonly replayed_payload: unknown;
  /** Of the job it was replayed as, or else of its own; null when that was deleted. */
  readonly job_status: JobStatus | null;
  /** All attempts of its job, those after a replay too; of very many the last 1,000. */
  readonly executions: readonly Execution[];
  /** Every dead letter of the job, and of those it was replayed from and as, oldest first: each time it died. */
  readonly replays: readonly DeadLetterRow[];
}

const MOST_LISTED = 1_000;

/**
 * Lineage runs along job ids: a replay keeps its job's, unless the job had been deleted. So the walk begins with the letter's
 * job and follows both ends of each letter it meets. The limits keep each step a look in an index, and what they found is
 * sorted here: a plan that was kept while there was hardly a letter would walk all of them.
 */
const READ_DEAD_LETTER = `
  WITH RECURSIVE letter AS (
    SELECT * FROM dead_letter_jobs WHERE id = $1
  ), lineage (job_id) AS (
    SELECT job_id FROM letter
    UNION
    SELECT met.id FROM lineage l CROSS JOIN LATERAL (
      SELECT replayed_job_id FROM dead_letter_jobs WHERE job_id = l.job_id AND replayed_job_id IS NOT NULL
      UNION ALL
      SELECT job_id FROM dead_letter_jobs WHERE replayed_job_id = l.job_id
      LIMIT ${MOST_LISTED}) met (id)
  )
  SELECT ${DEAD_LETTER_COLUMNS}, d.payload, d.replayed_payload,
    (SELECT status FROM jobs WHERE id = COALESCE(d.replayed_job_id, d.job_id)) AS job_status,
    ARRAY(SELECT to_json(listed) FROM (
      SELECT ${EXECUTION_COLUMNS} FROM job_executions WHERE job_id = d.job_id ORDER BY attempt DESC LIMIT ${MOST_LISTED}) listed
      ORDER BY attempt) AS executions,
    ARRAY(SELECT to_json(listed) FROM lineage l CROSS JOIN LATERAL (
      SELECT ${DEAD_LETTER_COLUMNS} FROM dead_letter_jobs d WHERE d.job_id = l.job_id LIMIT ${MOST_LISTED}) listed) AS replays
    FROM letter d`;

/** @throws HoldfastError `not_found`; PostgresError */
export async function readDeadLetter(db: Database, id: number): Promise<DeadLetterDetail> {
  interface Row extends Omit<DeadLetterDetail, 'executions' | 'replays'> {
    readonly executions: AsJson<Execution>[];
    readonly replays: AsJson<DeadLetterRow>[];
  }
  const { rows } = await db.query<Row>(READ_DEAD_LETTER, [id]);
  const [row] = rows;
  if (!row) throw noDeadLetter(id);
  const replays = row.replays.map(toDeadLetter).sort((a, b) => a.id - b.id);
  return { ...row, executions: row.executions.map(toExecution), replays };
}

const toDeadLetter = (row: AsJson<DeadLetterRow>): DeadLetterRow => ({
  ...row,
  created_at: new Date(row.created_at),
  reviewed_at: row.reviewed_at === null ? null : new Date(row.reviewed_at),
});

export const noDeadLetter = (id: number): HoldfastError =>
  new HoldfastError('not_found', `there is no dead letter ${id}`);
