import { fingerprint } from './dead-letter-jobs.js';
import { RAN_FOR_MS } from './ran-for.js';
import type { RetryPolicy } from './retry-policy.js';

/**
 * Run by the heartbeat's thread just before it ends a process whose event loop a job has blocked beyond its timeout and
 * grace; nobody else can record it. One statement, so that it is all of it or nothing (then the rescue records losses):
 *
 * - the job that blocked ($2, attempt $3) is timed out: charged, and retried after a backoff or failed for good;
 * - everything else the worker ($1) owns is released, uncharged: it did nothing wrong;
 * - the worker is dead from now on, so that nobody waits for its lease.
 *
 * `scheduled_at` is set for the promoter, and a failed row keeps no worker, so that the trigger releases its dependents:
 * no process is left that would push or release. $4: TypePolicies; $5: whether there are dead letters.
 */
export const END_BLOCKED = `
  WITH overdue AS MATERIALIZED (
    SELECT id, retry_count < max_retries AS is_retried, $4::jsonb -> job_type AS policy,
      format('timed out after %s ms, and never yielded: its process had to be ended', timeout_ms) AS message
      FROM jobs WHERE id = $2 AND attempt = $3 AND worker_id = $1 AND status = 'running' FOR NO KEY UPDATE
  ), timed_out AS (
    UPDATE jobs j SET status = CASE WHEN o.is_retried THEN 'pending' ELSE 'failed' END::job_status,
      completed_at = CASE WHEN NOT o.is_retried THEN now() END, worker_id = NULL,
      retry_count = retry_count + o.is_retried::int, error_class = 'timeout', error_message = o.message, updated_at = now(),
      scheduled_at = CASE WHEN o.is_retried THEN now() + interval '1 millisecond' * random() * LEAST(
        (policy ->> 'maxDelayMs')::float8, (policy ->> 'baseDelayMs')::float8 * (policy ->> 'multiplier')::float8 ^ retry_count)
        ELSE scheduled_at END
    FROM overdue o WHERE j.id = o.id
    RETURNING j.*, o.is_retried, o.policy
  ), released AS (
    UPDATE jobs SET status = 'pending', worker_id = NULL, scheduled_at = now(), updated_at = now()
     WHERE id = ANY (ARRAY(SELECT unnest(job_ids) FROM claim_batches WHERE worker_id = $1)) AND id <> $2
       AND worker_id = $1 AND status = 'running' AND EXISTS (SELECT 1 FROM overdue)
    RETURNING id, attempt, started_at
  ), history AS (
    INSERT INTO job_executions (job_id, attempt, worker_id, status, started_at, duration_ms, error_class, error_message)
    SELECT id, attempt, $1, 'timed_out'::execution_status, started_at, ${RAN_FOR_MS},
           error_class, error_message FROM timed_out
    UNION ALL
    SELECT id, attempt, $1, 'released', started_at, ${RAN_FOR_MS}, NULL,
           format('its process was ended: job %s blocked the event loop beyond its timeout', $2) FROM released
    ON CONFLICT DO NOTHING
  ), letters AS (
    INSERT INTO dead_letter_jobs (job_id, queue, job_type, payload, error_message, error_class, fingerprint, attempts, reason)
    SELECT id, queue, job_type, payload, error_message, error_class, policy ->> 'fingerprint', attempt, 'max_retries'
      FROM timed_out WHERE NOT is_retried AND $5::boolean
    ON CONFLICT DO NOTHING
  )
  UPDATE workers SET dead_at = now() WHERE id = $1 AND dead_at IS NULL`;

/** For each job type, what END_BLOCKED needs of its retry policy, and the fingerprint of its timeouts. */
export type TypePolicies = Readonly<Record<string, RetryPolicy & { readonly fingerprint: string }>>;

export function typePolicies(policies: ReadonlyMap<string, RetryPolicy>): TypePolicies {
  return Object.fromEntries(
    [...policies].map(([jobType, policy]) => [
      jobType,
      { ...policy, fingerprint: fingerprint(jobType, 'timeout', 'timed out after 0 ms') },
    ]),
  );
}
