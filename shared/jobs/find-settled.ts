import type { Database } from '../postgres/create-database.js';
import { attemptKey, complete, type Outcome } from './outcome.js';

const FIND_SETTLED = `
  SELECT job_id || ':' || attempt AS key, status FROM job_executions
   WHERE job_id = ANY ($1::bigint[]) AND worker_id = $2 AND status NOT IN ('lost', 'cancelled')`;

/**
 * Those of these attempts that the worker itself has settled before, as they are on record: an earlier settle whose reply
 * was lost, or the handler completed the job in its own transaction. The others were taken away from it (cancelled, or
 * rescued after it was declared dead).
 */
export async function findSettled(
  db: Database,
  workerId: string,
  outcomes: readonly Outcome[],
): Promise<Outcome[]> {
  const { rows } = await db.query<{ key: string; status: string }>(FIND_SETTLED, [
    outcomes.map(({ job }) => job.id),
    workerId,
  ]);
  const statusOf = new Map(rows.map(({ key, status }) => [key, status]));
  return outcomes.flatMap((outcome) => {
    const { job, durationMs, logs } = outcome;
    const status = statusOf.get(attemptKey(job));
    // Whatever the handler did after it had completed its job.
    if (status === 'completed') return [complete({ job, durationMs, logs }, undefined)];
    // A release is ours only if that is what we settle: else reconcile made it, and the attempt is no longer ours.
    const isRelease = outcome.kind === 'released' || outcome.kind === 'snoozed';
    return status !== undefined && (status === 'released') === isRelease ? [outcome] : [];
  });
}
