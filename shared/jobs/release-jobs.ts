import type { Database } from '../postgres/create-database.js';
import type { QueryTarget } from '../postgres/query-target.js';
import type { ClaimedJob } from './claimed-job.js';
import { attemptKey, type OutcomeOf } from './outcome.js';
import {
  DETAILS,
  FENCE,
  HISTORY_COLUMNS,
  HISTORY_VALUES,
  runSettle,
  SHORT_LOCK_TIMEOUT,
  SUMMARY_OF_PENDING,
  toBatch,
  type Settlement,
} from './settle-statement.js';

/** Running to pending without a charge: a snooze, or a worker that must leave. An immediate job stays immediate. */
const RELEASE_JOBS = `
  WITH settled AS (
    UPDATE jobs SET status = 'pending', worker_id = NULL, updated_at = now(),
      scheduled_at = CASE WHEN (${DETAILS} ->> 'delay_ms')::float8 > 0
        THEN now() + (${DETAILS} ->> 'delay_ms')::float8 * interval '1 millisecond' ELSE scheduled_at END
     WHERE ${FENCE} AND ${SHORT_LOCK_TIMEOUT}
    RETURNING id, attempt, started_at, scheduled_at IS NULL OR scheduled_at <= now() AS is_ready,
      ${DETAILS} AS its
  ), history AS (
    INSERT INTO job_executions (${HISTORY_COLUMNS}, error_message)
    SELECT ${HISTORY_VALUES}, 'released', its ->> 'note' FROM settled
    ON CONFLICT DO NOTHING
  )${SUMMARY_OF_PENDING}`;

/** Returns the attempts that were still ours. @throws PostgresError */
export function releaseJobs(
  db: QueryTarget,
  workerId: string,
  outcomes: readonly OutcomeOf<'snoozed' | 'released'>[],
): Promise<Settlement> {
  const batch = toBatch(outcomes, ({ note, delayMs }) => ({ note, delay_ms: delayMs }));
  return runSettle(db, RELEASE_JOBS, workerId, batch);
}

/** What a worker owns according to PostgreSQL; it may not know all of it, when the reply to a claim was lost. */
export interface ClaimBatch {
  readonly batchNo: number;
  readonly jobIds: readonly number[];
}

export async function readClaimBatches(db: Database, workerId: string): Promise<ClaimBatch[]> {
  const { rows } = await db.query<ClaimBatch>(
    'SELECT batch_no AS "batchNo", job_ids AS "jobIds" FROM claim_batches WHERE worker_id = $1',
    [workerId],
  );
  return rows;
}

export async function forgetClaimBatches(
  db: Database,
  workerId: string,
  batchNos: readonly number[],
): Promise<void> {
  await db.query('DELETE FROM claim_batches WHERE worker_id = $1 AND batch_no = ANY ($2::bigint[])', [
    workerId,
    batchNos,
  ]);
}

/**
 * Releases a batch whose claim was committed but whose reply never came: no handler ran. The attempt is on record as
 * released, so that attempts stay gapless. Rows that somebody's transaction holds stay in the batch, for the next time. Locked first,
 * so that of two who release it one waits; with the attempt, since its jobs may have been claimed anew meanwhile.
 */
const RELEASE_UNKNOWN_BATCH = `
  WITH batch AS MATERIALIZED (
    SELECT job_ids FROM claim_batches WHERE worker_id = $1 AND batch_no = $2 AND ${SHORT_LOCK_TIMEOUT} FOR UPDATE
  ), unknown AS MATERIALIZED (
    SELECT id, attempt FROM jobs
     WHERE id = ANY (ARRAY(SELECT unnest(job_ids) FROM batch)) AND (id || ':' || attempt) <> ALL ($3::text[])
       AND worker_id = $1 AND status = 'running'
  ), free AS MATERIALIZED (
    SELECT j.id FROM unknown u JOIN jobs j ON j.id = u.id
     WHERE j.attempt = u.attempt AND j.worker_id = $1 AND j.status = 'running'
     ORDER BY j.id FOR NO KEY UPDATE OF j SKIP LOCKED
  ), settled AS (
    UPDATE jobs SET status = 'pending', worker_id = NULL, updated_at = now()
     WHERE id = ANY (ARRAY(SELECT id FROM free))
    RETURNING id, attempt, started_at
  ), history AS (
    INSERT INTO job_executions (job_id, attempt, worker_id, status, started_at, duration_ms, error_message)
    SELECT id, attempt, $1, 'released', started_at, 0, 'the reply to the claim was lost' FROM settled
    ON CONFLICT DO NOTHING
  ), held AS MATERIALIZED (
    SELECT id FROM unknown WHERE id NOT IN (SELECT id FROM free)
  ), kept AS (
    UPDATE claim_batches SET job_ids = ARRAY(SELECT id FROM held) WHERE worker_id = $1 AND batch_no = $2 AND EXISTS (SELECT 1 FROM held)
  ), forgotten AS (
    DELETE FROM claim_batches WHERE worker_id = $1 AND batch_no = $2 AND NOT EXISTS (SELECT 1 FROM held)
  )
  SELECT id FROM settled`;

/** Returns the ids that are pending again; `owned` are the attempts that the worker knows it owns, by other batches. */
export async function releaseUnknownBatch(
  db: Database,
  workerId: string,
  batch: ClaimBatch,
  owned: readonly Pick<ClaimedJob, 'id' | 'attempt'>[],
): Promise<number[]> {
  const values = [workerId, batch.batchNo, owned.map(attemptKey)];
  const { rows } = await db.query<{ id: number }>(RELEASE_UNKNOWN_BATCH, values);
  return rows.map(({ id }) => id);
}
