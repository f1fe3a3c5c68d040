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

/** What most jobs have. */
const USUAL = {
  attempt: 1,
  queue: 'default',
  priority: 50,
  retryCount: 0,
  maxRetries: 3,
  timeoutMs: 300_000,
  lostCount: 0,
} as const;

/**
 * What the claims return, for the row of jobs that was written. A column that has its usual value comes as null: to send a value
 * and read it costs more than all else that is done with most of them (docs/performance.md).
 */
export const CLAIMED_COLUMNS = `id, job_type, payload, metadata, date_part('epoch', now() - ready_at) * 1000,
  NULLIF(attempt, ${USUAL.attempt}), NULLIF(queue, '${USUAL.queue}'), NULLIF(priority, ${USUAL.priority}),
  NULLIF(retry_count, ${USUAL.retryCount}), NULLIF(max_retries, ${USUAL.maxRetries}), NULLIF(timeout_ms, ${USUAL.timeoutMs}),
  NULLIF(lost_count, ${USUAL.lostCount})`;

/** A row of CLAIMED_COLUMNS. */
export type ClaimedRow = readonly [
  id: number,
  jobType: string,
  payload: unknown,
  metadata: Record<string, unknown> | null,
  waitMs: number,
  attempt: number | null,
  queue: string | null,
  priority: number | null,
  retryCount: number | null,
  maxRetries: number | null,
  timeoutMs: number | null,
  lostCount: number | null,
];

/** What the claims write. No index knows these columns, so that the update is HOT. */
export const CLAIM_ASSIGNMENTS = `status = 'running', attempt = attempt + 1, worker_id = $1, started_at = now(), updated_at = now(),
  set_aside_at = NULL, progress = NULL`;

/** $1 is the worker: a claim of one that was declared dead takes nothing. */
export const WORKER_IS_ALIVE = `EXISTS (SELECT 1 FROM workers WHERE workers.id = $1 AND dead_at IS NULL AND stopped_at IS NULL)`;

/** The way from the worker ($1) to what it claimed, under the number of the claim. */
export const recordBatch = (batchNo: '$3' | '$4' | '$9') => `
    INSERT INTO claim_batches (worker_id, batch_no, job_ids)
    SELECT $1, ${batchNo}::bigint, array_agg(id) FROM claimed HAVING count(*) > 0`;

/** By index: taken apart by names, an array goes through its iterator. */
export const toClaimed = (row: ClaimedRow, batchNo: number): ClaimedJob => ({
  id: row[0],
  attempt: row[5] ?? USUAL.attempt,
  jobType: row[1],
  queue: row[6] ?? USUAL.queue,
  priority: row[7] ?? USUAL.priority,
  payload: row[2],
  metadata: row[3],
  retryCount: row[8] ?? USUAL.retryCount,
  maxRetries: row[9] ?? USUAL.maxRetries,
  timeoutMs: row[10] ?? USUAL.timeoutMs,
  lostCount: row[11] ?? USUAL.lostCount,
  waitMs: row[4],
  batchNo,
});
