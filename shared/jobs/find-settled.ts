import type { Database } from '../postgres/create-database.js';
import { attemptKey, type Outcome } from './outcome.js';

const FIND_SETTLED = `
  SELECT job_id || ':' || attempt AS key FROM job_executions
   WHERE job_id = ANY ($1::bigint[]) AND worker_id = $2 AND status NOT IN ('lost', 'cancelled')`;

/**
 * Which of these attempts the worker itself has settled before: an earlier settle whose reply was lost. The others were
 * taken away from it (cancelled, or rescued after it was declared dead).
 */
export async function findSettled(
  db: Database,
  workerId: string,
  outcomes: readonly Outcome[],
): Promise<Set<string>> {
  const { rows } = await db.query<{ key: string }>(FIND_SETTLED, [
    outcomes.map(({ job }) => job.id),
    workerId,
  ]);
  const settled = new Set(rows.map(({ key }) => key));
  return new Set(outcomes.map(({ job }) => attemptKey(job)).filter((key) => settled.has(key)));
}
