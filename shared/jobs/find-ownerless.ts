import type { Database } from '../postgres/create-database.js';
import { walkRunning } from './walk-running.js';

/** Running jobs that no claim names, of one worker. */
export interface Ownerless {
  readonly workerId: string;
  readonly jobIds: readonly number[];
}

/**
 * A claim writes the job and its batch in one statement, and the batch goes after the job has ended; so a running job that
 * no batch names is one whose end was taken back: by a failover to a replica that had not heard of it, or a crash with
 * synchronous_commit off. One snapshot sees both tables. EXCEPT, since an anti join of what the planner takes for a few rows
 * compared each of 10,000 with all others.
 */
const READ_OWNERLESS = `
  WITH ownerless AS MATERIALIZED (
    SELECT id FROM jobs WHERE id = ANY ($1::bigint[]) AND status = 'running' AND worker_id IS NOT NULL
    EXCEPT SELECT unnest(job_ids) FROM claim_batches
  )
  SELECT j.worker_id AS "workerId", array_agg(j.id ORDER BY j.id) AS "jobIds" FROM jobs j
   WHERE j.id = ANY (ARRAY(SELECT id FROM ownerless)) GROUP BY j.worker_id`;

/**
 * Goes through all unfinished jobs, page by page: for each page those without an owner, none as a rule. What a person inserted as running
 * has no worker, and is not one of them.
 *
 * @param pageSize jobs that are looked at in one statement. @throws PostgresError
 */
export async function* findOwnerless(db: Database, pageSize?: number): AsyncGenerator<readonly Ownerless[]> {
  for await (const running of walkRunning(db, pageSize))
    yield running.length === 0 ? [] : (await db.query<Ownerless>(READ_OWNERLESS, [running])).rows;
}
