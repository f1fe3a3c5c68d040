/** What a worker knows of an attempt it owns. */
export interface ClaimedJob {
  readonly id: number;
  readonly attempt: number;
  readonly jobType: string;
  readonly queue: string;
  readonly priority: number;
  readonly payload: unknown;
  readonly metadata: Record<string, unknown> | null;
  readonly retryCount: number;
  readonly maxRetries: number;
  readonly timeoutMs: number;
  readonly lostCount: number;
  /** From ready to claimed, by the database's clock. */
  readonly waitMs: number;
  /** The claim it came with, among the worker's. */
  readonly batchNo: number;
}

/** What the claims return, for the row of an UPDATE on jobs. */
export const CLAIMED_COLUMNS = `id, attempt, job_type AS "jobType", queue, priority, payload, metadata, retry_count AS "retryCount",
  max_retries AS "maxRetries", timeout_ms AS "timeoutMs", lost_count AS "lostCount",
  date_part('epoch', now() - ready_at) * 1000 AS "waitMs"`;

/** What the claims write. No index knows these columns, so that the update is HOT. */
export const CLAIM_ASSIGNMENTS = `status = 'running', attempt = attempt + 1, worker_id = $1, started_at = now(), updated_at = now(),
  set_aside_at = NULL, progress = NULL`;

/** $1 is the worker: a claim of one that was declared dead takes nothing. */
export const WORKER_IS_ALIVE = `EXISTS (SELECT 1 FROM workers WHERE workers.id = $1 AND dead_at IS NULL AND stopped_at IS NULL)`;

/** The way from the worker ($1) to what it claimed, under the number of the claim ($4). */
export const RECORD_BATCH = `
    INSERT INTO claim_batches (worker_id, batch_no, job_ids)
    SELECT $1, $4::bigint, array_agg(id) FROM claimed HAVING count(*) > 0`;

/** The rows of a claim, which are ours: the number of the claim is added to each instead of copying it. */
export function asClaimed(rows: object[], batchNo: number): ClaimedJob[] {
  for (const row of rows) (row as { batchNo: number }).batchNo = batchNo;
  return rows as ClaimedJob[];
}
