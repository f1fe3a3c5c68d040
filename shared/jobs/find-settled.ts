import type { Database } from '../postgres/create-database.js';
import { attemptKey, type Outcome } from './outcome.js';

const FIND_SETTLED = `
  SELECT job_id || ':' || attempt AS key, status = 'released' AS "isReleased" FROM job_executions
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
  const { rows } = await db.query<{ key: string; isReleased: boolean }>(FIND_SETTLED, [
    outcomes.map(({ job }) => job.id),
    workerId,
  ]);
  const isReleased = new Map(rows.map((row) => [row.key, row.isReleased]));
  // A release is ours only if that is what we settle: else reconcile made it, and the attempt is no longer ours.
  const isOurs = ({ job, kind }: Outcome) =>
    isReleased.get(attemptKey(job)) === (kind === 'released' || kind === 'snoozed');
  return new Set(outcomes.filter(isOurs).map(({ job }) => attemptKey(job)));
}
