import type { Database } from '../postgres/create-database.js';

/** A claim of a worker that is not alive. */
export interface OrphanedBatch {
  readonly workerId: string;
  readonly batchNo: number;
  readonly jobIds: number[];
}

/** Which workers are looked at: those that went within a minute, or all that are not alive. */
export type Gone = 'lately' | 'ever';

export const ORPHANED_PAGE = 100;

const COLUMNS = 'b.worker_id AS "workerId", b.batch_no AS "batchNo", b.job_ids AS "jobIds"';

/** $1, $2: the last one of the page before. */
const READ_ORPHANED: Readonly<Record<Gone, string>> = {
  // Only their own claims are walked, so that this may be asked every second however many workers live, and however many dead
  // entries an old snapshot keeps in the index.
  lately: `
  SELECT ${COLUMNS}
    FROM workers w CROSS JOIN LATERAL (
      SELECT worker_id, batch_no, job_ids FROM claim_batches
       WHERE worker_id = w.id AND (worker_id, batch_no) > ($1, $2::bigint)
       ORDER BY batch_no LIMIT ${ORPHANED_PAGE}) b
   WHERE w.dead_at > now() - interval '1 minute' OR w.stopped_at > now() - interval '1 minute'
   ORDER BY b.worker_id, b.batch_no LIMIT ${ORPHANED_PAGE}`,
  // A walk along all claims: one may commit long after its worker was declared dead, or be of a worker whose row is lost.
  ever: `
  SELECT ${COLUMNS}
    FROM claim_batches b LEFT JOIN workers w ON w.id = b.worker_id
   WHERE (w.id IS NULL OR w.dead_at IS NOT NULL OR w.stopped_at IS NOT NULL) AND (b.worker_id, b.batch_no) > ($1, $2::bigint)
   ORDER BY b.worker_id, b.batch_no LIMIT ${ORPHANED_PAGE}`,
};

/** The first page after a place in the order of workers and their claims. @throws PostgresError */
export async function readOrphanedBatches(
  db: Database,
  gone: Gone,
  { workerId, batchNo }: Pick<OrphanedBatch, 'workerId' | 'batchNo'>,
): Promise<OrphanedBatch[]> {
  return (await db.query<OrphanedBatch>(READ_ORPHANED[gone], [workerId, batchNo])).rows;
}
