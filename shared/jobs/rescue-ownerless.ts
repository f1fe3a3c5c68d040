import type { Installation } from '../installation.js';
import { rescueClaimed } from './rescue-jobs.js';

/**
 * A claim writes the job and its batch in one statement, and the batch goes after the job has ended; so a running job that
 * no batch names is one whose end was taken back: by a failover to a replica that had not heard of it, or a crash with
 * synchronous_commit off. One snapshot sees both tables. A walk along jobs_unfinished: dear with a large backlog, and so
 * done only after PostgreSQL was away.
 */
const READ_OWNERLESS = `
  WITH claimed AS MATERIALIZED (SELECT unnest(job_ids) AS id FROM claim_batches)
  SELECT j.worker_id AS "workerId", array_agg(j.id) AS "jobIds" FROM jobs j LEFT JOIN claimed c ON c.id = j.id
   WHERE j.completed_at IS NULL AND j.unmet_dependencies = 0 AND j.set_aside_at IS NULL
     AND j.status = 'running' AND j.worker_id IS NOT NULL AND c.id IS NULL
   GROUP BY j.worker_id`;

/**
 * Makes running jobs ready again that no claim knows of, their attempt on record as lost. What a person inserted as running
 * has no worker, and stays.
 *
 * @returns how many. @throws PostgresError
 */
export async function rescueOwnerless(installation: Installation): Promise<number> {
  const { rows } = await installation.db.query<{ workerId: string; jobIds: number[] }>(READ_OWNERLESS);
  let count = 0;
  for (const { workerId, jobIds } of rows)
    count += await rescueClaimed(
      installation,
      workerId,
      jobIds,
      `what worker ${workerId} had recorded of the attempt was lost with PostgreSQL's latest commits`,
    );
  return count;
}
