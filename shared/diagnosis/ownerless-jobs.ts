import { hasCode } from '../errors.js';
import { readWithin } from '../jobs/read-within.js';
import type { Database } from '../postgres/create-database.js';
import { counted, ok, problem, type Finding } from './finding.js';

const READ_LIMIT_MS = 2_000;
const MOST_SHOWN = 10;

/**
 * A claim writes the job and its batch in one statement, and the batch goes when the job has ended: a running job without
 * one has an owner that does not know of it. Nobody rescues it. One snapshot sees both tables, so that none is taken for it
 * by chance. Rows that a person inserted as running have no worker.
 */
const READ_OWNERLESS = `
  WITH claimed AS MATERIALIZED (SELECT unnest(job_ids) AS id FROM claim_batches)
  SELECT j.id FROM jobs j LEFT JOIN claimed c ON c.id = j.id
   WHERE j.status = 'running' AND j.completed_at IS NULL AND j.worker_id IS NOT NULL AND c.id IS NULL
   ORDER BY j.id LIMIT ${MOST_SHOWN}`;

/** @throws PostgresError */
export async function checkOwnerlessJobs(db: Database): Promise<Finding[]> {
  const ids = await readOwnerless(db);
  if (ids === undefined) return [ok('the backlog is too large to compare running jobs with their claims')];
  if (ids.length === 0) return [ok('every running job belongs to a claim')];
  const many = ids.length === MOST_SHOWN ? ', and perhaps more' : '';
  const list = ids.join(', ');
  return [
    problem(
      `${counted(ids.length, 'job')} marked as running that no claim knows (${list}${many})`,
      'They stay as they are: nobody runs them and nobody rescues them. A failover that lost the latest commits leaves such jobs behind.',
      `Make them ready again: UPDATE jobs SET status = 'pending', worker_id = NULL WHERE id IN (${list}) AND status = 'running'.`,
    ),
  ];
}

async function readOwnerless(db: Database): Promise<number[] | undefined> {
  try {
    return (await readWithin<{ id: number }>(db, READ_LIMIT_MS, READ_OWNERLESS)).map(({ id }) => id);
  } catch (error) {
    if (hasCode(error, 'timeout')) return undefined;
    throw error;
  }
}
