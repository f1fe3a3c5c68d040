import type { Installation } from '../installation.js';
import type { Database } from '../postgres/create-database.js';
import { readQueuesWithWork } from './read-ready.js';
import { rescueClaimed } from './rescue-jobs.js';
import { walkRunning } from './walk-running.js';

/**
 * A claim writes the job and its batch in one statement, and the batch goes after the job has ended; so a running job that
 * no batch names is one whose end was taken back: by a failover to a replica that had not heard of it, or a crash with
 * synchronous_commit off. One snapshot sees both tables.
 */
const READ_OWNERLESS = `
  WITH claimed AS MATERIALIZED (SELECT unnest(job_ids) AS id FROM claim_batches)
  SELECT j.worker_id AS "workerId", array_agg(j.id) AS "jobIds" FROM jobs j
   WHERE j.id = ANY ($1::bigint[]) AND j.status = 'running' AND j.worker_id IS NOT NULL
     AND NOT EXISTS (SELECT 1 FROM claimed c WHERE c.id = j.id)
   GROUP BY j.worker_id`;

/**
 * Makes running jobs ready again that no claim knows of, their attempt on record as lost. What a person inserted as running
 * has no worker, and stays. Goes through all unfinished jobs, page by page, and so is done only after PostgreSQL was away.
 *
 * @param pageSize jobs that are looked at in one statement
 * @returns how many. @throws PostgresError
 */
export async function rescueOwnerless(installation: Installation, pageSize?: number): Promise<number> {
  const { db } = installation;
  let count = 0;
  for (const queue of await readQueuesWithWork(db))
    for await (const ids of walkRunning(db, queue, pageSize)) count += await rescueOf(installation, ids);
  return count;
}

async function rescueOf(installation: Installation, ids: readonly number[]): Promise<number> {
  let count = 0;
  for (const { workerId, jobIds } of await readOwnerless(installation.db, ids)) {
    const why = `what worker ${workerId} had recorded of the attempt was lost with PostgreSQL's latest commits`;
    count += await rescueClaimed(installation, workerId, jobIds, why);
  }
  return count;
}

async function readOwnerless(
  db: Database,
  ids: readonly number[],
): Promise<{ workerId: string; jobIds: number[] }[]> {
  return (await db.query<{ workerId: string; jobIds: number[] }>(READ_OWNERLESS, [ids])).rows;
}
