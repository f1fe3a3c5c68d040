import { lockTimeout } from '../postgres/lock-timeout.js';
import { toNumberArray } from '../postgres/number-array.js';
import type { OwnTarget } from '../postgres/query-target.js';
import { areClose, bySearch, byWalk, type RowsOfIds } from '../postgres/rows-of-ids.js';
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

export interface ClaimRequest {
  readonly workerId: string;
  /** Numbers the worker's claims: the row of claim_batches by which a lost reply is found again. */
  readonly batchNo: number;
  readonly jobTypes: readonly string[];
  readonly mayClaimSuspect: boolean;
}

/**
 * Makes the worker the owner of one attempt of each of these jobs that is still to be had. By primary key, so that
 * neither backlog nor dead rows slow it. A condition on completed_at would let the planner pick jobs_unfinished, which
 * it believes empty right after a bulk load: `status` serves instead.
 */
const claimWhere = (isOneOf: RowsOfIds) => `
  WITH claimed AS (
    UPDATE jobs SET ${CLAIM_ASSIGNMENTS}
     WHERE ${isOneOf('$2')} AND status = 'pending' AND unmet_dependencies = 0
       AND (scheduled_at IS NULL OR scheduled_at <= now())
       AND job_type = ANY ($3::text[]) AND (lost_count < $5 OR $6)
       AND ${lockTimeout('300ms')}
       AND queue <> ALL (ARRAY(SELECT name FROM queues WHERE paused_at IS NOT NULL))
       AND ${WORKER_IS_ALIVE}
    RETURNING ${CLAIMED_COLUMNS}
  ), batch AS (${recordBatch('$4')}
  )
  SELECT * FROM claimed`;

const CLAIM_JOBS = claimWhere(bySearch);
const CLAIM_CLOSE_JOBS = claimWhere(byWalk);

/** Claims those of `ids` that are pending, ready and of a type the worker knows. @throws PostgresError */
export async function claimJobs(
  target: OwnTarget,
  ids: readonly number[],
  request: ClaimRequest,
): Promise<ClaimedJob[]> {
  const { workerId, batchNo, jobTypes, mayClaimSuspect } = request;
  const ascending = ids.toSorted((a, b) => a - b);
  const statement = areClose(ascending) ? CLAIM_CLOSE_JOBS : CLAIM_JOBS;
  const rows = await target.queryArrays<ClaimedRow>(statement, [
    workerId,
    toNumberArray(ascending),
    jobTypes,
    batchNo,
    SUSPECT_AFTER_LOSSES,
    mayClaimSuspect,
  ]);
  return rows.map((row) => toClaimed(row, batchNo));
}
