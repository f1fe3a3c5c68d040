import type { QueryTarget } from '../postgres/query-target.js';
import type { JobStatus } from './job-state.js';

/** A job that this one depended on, as it ended. */
export interface ParentJob {
  readonly jobId: number;
  readonly jobType: string;
  /** Not `completed` only where this job runs in spite of that: `onFailure: 'run'`. */
  readonly status: JobStatus;
  /** What its handler returned. */
  readonly result: unknown;
  readonly errorMessage: string | null;
}

const PAGE = 500;

const READ_PARENTS = `
  SELECT p.id AS "jobId", p.job_type AS "jobType", p.status, p.result, p.error_message AS "errorMessage"
    FROM job_dependencies d JOIN jobs p ON p.id = d.depends_on_job_id
   WHERE d.job_id = $1 AND d.depends_on_job_id > $2
   ORDER BY d.depends_on_job_id LIMIT ${PAGE}`;

/** A job's parents in the order of their ids, a page at a time. @throws PostgresError */
export async function readParents(db: QueryTarget, jobId: number): Promise<ParentJob[]> {
  const parents: ParentJob[] = [];
  for (;;) {
    const { rows } = await db.query(READ_PARENTS, [jobId, parents.at(-1)?.jobId ?? 0]);
    parents.push(...(rows as ParentJob[]));
    if (rows.length < PAGE) return parents;
  }
}
