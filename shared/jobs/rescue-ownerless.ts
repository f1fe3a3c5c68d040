import type { Installation } from '../installation.js';
import { findOwnerless } from './find-ownerless.js';
import { rescueClaimed } from './rescue-jobs.js';

/**
 * Makes running jobs ready again that no claim knows of, their attempt on record as lost. Goes through all unfinished jobs, page by page,
 * and so is done only after PostgreSQL was away.
 *
 * @param pageSize jobs that are looked at in one statement
 * @returns how many. @throws PostgresError
 */
export async function rescueOwnerless(installation: Installation, pageSize?: number): Promise<number> {
  let count = 0;
  for await (const found of findOwnerless(installation.db, pageSize))
    for (const { workerId, jobIds } of found) {
      const why = `what worker ${workerId} had recorded of the attempt was lost with PostgreSQL's latest commits`;
      count += await rescueClaimed(installation, workerId, jobIds, why);
    }
  return count;
}
