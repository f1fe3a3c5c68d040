import type { Database } from '../postgres/create-database.js';
import type { ClaimRequest } from './claim-jobs.js';
import {
  CLAIM_ASSIGNMENTS,
  CLAIMED_COLUMNS,
  recordBatch,
  WORKER_IS_ALIVE,
  toClaimed,
  type ClaimedJob,
  type ClaimedRow,
} from './claimed-job.js';
import { SUSPECT_AFTER_LOSSES } from './job-state.js';

export interface ReadySearch {
  readonly queue: string;
  readonly count: number;
  /** Only jobs that have been ready for this long: what Redis should have carried by now. 0 when there is no Redis. */
  readonly readyForMs: number;
  /** Ids that are left out. Default none. */
  readonly without?: readonly number[];
}

/**
 * Each priority is one probe of jobs_unfinished that starts at the watermark, so that dead entries which an old snapshot keeps are not
 * walked. Rows that somebody else has locked are skipped.
 */
const READY = `
  start AS MATERIALIZED (
    SELECT COALESCE((SELECT ready_watermark FROM coordinator_lease WHERE name = 'coordinator'), '-infinity') AS watermark
  ), ready AS MATERIALIZED (
    SELECT lane_job.id, lane_job.lost_count FROM generate_series(100, 0, -1) AS lane (priority) CROSS JOIN LATERAL (
      SELECT j.id, j.lost_count FROM jobs j
       WHERE j.queue = $2 AND j.priority = lane.priority AND j.completed_at IS NULL AND j.unmet_dependencies = 0
         AND j.set_aside_at IS NULL AND j.ready_at >= (SELECT watermark FROM start)
         AND j.ready_at <= now() - $7 * interval '1 millisecond'
         AND j.status = 'pending' AND j.job_type = ANY ($3::text[]) AND (j.lost_count < $4 OR $5)
         AND j.id <> ALL ($8::bigint[])
       ORDER BY j.ready_at, j.id LIMIT $6 FOR UPDATE SKIP LOCKED) lane_job
     WHERE NOT EXISTS (SELECT 1 FROM queues WHERE name = $2 AND paused_at IS NOT NULL)
     LIMIT $6
  ), chosen AS (
    SELECT id FROM ready WHERE lost_count < $4
    UNION ALL (SELECT id FROM ready WHERE lost_count >= $4 LIMIT 1)
  )`;

/** The idle poll, and the dispatch while Redis is away. */
const CLAIM_READY = `
  WITH ${READY}, claimed AS (
    UPDATE jobs SET ${CLAIM_ASSIGNMENTS}
     WHERE id = ANY (ARRAY(SELECT id FROM chosen)) AND status = 'pending'
       AND ${WORKER_IS_ALIVE}
    RETURNING ${CLAIMED_COLUMNS}
  ), batch AS (${recordBatch('$9')}
  )
  SELECT * FROM claimed`;

const FIND_READY = `WITH ${READY} SELECT id FROM chosen WHERE ${WORKER_IS_ALIVE}`;

/** Claims up to `count` ready jobs of a queue, urgent and old ones first. @throws PostgresError */
export async function claimReady(
  db: Database,
  search: ReadySearch,
  request: ClaimRequest,
): Promise<ClaimedJob[]> {
  const values = [...searchValues(search, request), request.batchNo];
  const rows = await db.queryArrays<ClaimedRow>(CLAIM_READY, values);
  return rows.map((row) => toClaimed(row, request.batchNo));
}

type Claimant = Omit<ClaimRequest, 'batchNo'>;

/** The ids of those that `claimReady` would claim. @throws PostgresError */
export async function findReady(db: Database, search: ReadySearch, claimant: Claimant): Promise<number[]> {
  const { rows } = await db.query<{ id: number }>(FIND_READY, searchValues(search, claimant));
  return rows.map(({ id }) => id);
}

const searchValues = (search: ReadySearch, { workerId, jobTypes, mayClaimSuspect }: Claimant): unknown[] => [
  workerId,
  search.queue,
  jobTypes,
  SUSPECT_AFTER_LOSSES,
  mayClaimSuspect,
  search.count,
  search.readyForMs,
  search.without ?? [],
];
