import { messageOf } from '../errors.js';
import type { Installation } from '../installation.js';
import type { Database } from '../postgres/create-database.js';
import { dispatchJobs, type DispatchableJob } from './dispatch-jobs.js';
import { POISON_FINGERPRINT } from './dead-letter-jobs.js';
import { LOSSES_AS_SUSPECT, SUSPECT_AFTER_LOSSES } from './job-state.js';
import { actApart } from './act-apart.js';
import { RAN_FOR_MS } from './ran-for.js';
import { ORPHANED_PAGE, readOrphanedBatches, type Gone, type OrphanedBatch } from './read-orphaned.js';
import { releaseDependents } from './release-dependents.js';

/**
 * Running to pending, or to failed for a poison job. The attempt is on record as lost; no retry is charged. The first
 * loss is made good at once, later ones after a backoff with full jitter.
 */
const RESCUE_JOBS = `
  WITH owned AS (
    SELECT id, lost_count + 1 >= $3 AS is_poison FROM jobs
     WHERE id = ANY ($2::bigint[]) AND worker_id = $1 AND status = 'running'
     ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
  ), rescued AS (
    UPDATE jobs j SET
      status = CASE WHEN o.is_poison THEN 'failed' ELSE 'pending' END::job_status,
      completed_at = CASE WHEN o.is_poison THEN now() END,
      worker_id = CASE WHEN o.is_poison THEN worker_id END,
      lost_count = lost_count + 1, error_class = 'lost', error_message = $4, updated_at = now(),
      scheduled_at = CASE WHEN lost_count = 0 OR o.is_poison THEN scheduled_at
        ELSE now() + random() * LEAST(60000, 1000 * 2 ^ lost_count) * interval '1 millisecond' END
    FROM owned o WHERE j.id = o.id
    RETURNING j.*, o.is_poison
  ), history AS (
    INSERT INTO job_executions (job_id, attempt, worker_id, status, started_at, duration_ms, error_class, error_message)
    SELECT id, attempt, $1, 'lost', started_at, ${RAN_FOR_MS}, 'lost', $4 FROM rescued
    ON CONFLICT DO NOTHING
  ), letters AS (
    INSERT INTO dead_letter_jobs (job_id, queue, job_type, payload, error_message, error_class, fingerprint, attempts, reason)
    SELECT id, queue, job_type, payload, $4, 'lost', ${POISON_FINGERPRINT}, attempt, 'poison' FROM rescued WHERE is_poison
    ON CONFLICT DO NOTHING
  )
  SELECT id, queue, priority, lost_count AS "lostCount", has_dependents AS "hasDependents", is_poison AS "isPoison",
         scheduled_at IS NULL OR scheduled_at <= now() AS "isReady" FROM rescued`;

interface RescuedJob extends DispatchableJob {
  readonly hasDependents: boolean;
  readonly isPoison: boolean;
  readonly isReady: boolean;
}

/** The batch stays while any of its rows is still held: it was locked by somebody and skipped above. */
const FORGET_RESCUED_BATCH = `
  DELETE FROM claim_batches b WHERE worker_id = $1 AND batch_no = $2
     AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.id = ANY (b.job_ids) AND j.worker_id = $1 AND j.status = 'running')`;

/** Makes the jobs of workers that are not alive ready again. Returns how many. @throws PostgresError */
export async function rescueJobs(installation: Installation, gone: Gone): Promise<number> {
  let count = 0;
  let last: Pick<OrphanedBatch, 'workerId' | 'batchNo'> = { workerId: '', batchNo: 0 };
  // Batches that cannot be rescued now, since somebody holds their rows, must not keep those behind them.
  for (;;) {
    const batches = await readOrphanedBatches(installation.db, gone, last);
    for (const batch of batches) count += await rescueOrReport(installation, batch);
    if (batches.length < ORPHANED_PAGE) return count;
    last = batches.at(-1) as OrphanedBatch;
  }
}

/** One batch that cannot be rescued must not keep the others. */
async function rescueOrReport(installation: Installation, batch: OrphanedBatch): Promise<number> {
  return rescueBatch(installation, batch).catch((error: unknown) => {
    const fields = { workerId: batch.workerId, error: messageOf(error) };
    installation.logger.error('the jobs of a dead worker could not be rescued; trying again', fields);
    return 0;
  });
}

async function rescueBatch(
  installation: Installation,
  { workerId, batchNo, jobIds }: OrphanedBatch,
): Promise<number> {
  const message = `worker ${workerId} died while it ran the job`;
  const count = await rescueClaimed(installation, workerId, jobIds, message);
  await installation.db.query(FORGET_RESCUED_BATCH, [workerId, batchNo]);
  return count;
}

/**
 * Those of the jobs that are still on record as this worker's: their attempt was lost, and they are ready again.
 *
 * @param message says why, in the attempt's record. @returns how many. @throws PostgresError
 */
export async function rescueClaimed(
  installation: Installation,
  workerId: string,
  jobIds: readonly number[],
  message: string,
): Promise<number> {
  const { db, events } = installation;
  const poisonAt = SUSPECT_AFTER_LOSSES + LOSSES_AS_SUSPECT;
  const rescue = (ids: readonly number[]) => rescueRows(db, [workerId, ids, poisonAt, message]);
  const refused: number[] = [];
  let reason: unknown;
  const rescued = await actApart(jobIds, rescue, (jobId, error) => {
    refused.push(jobId);
    reason = error;
  });
  if (refused.length > 0) tellRefused(installation, workerId, refused, reason);
  if (rescued.length === 0) return 0;
  events.emit('rescued', { workerId, jobIds: rescued.map(({ id }) => id) });
  await dispatchJobs(
    installation,
    rescued.filter((job) => job.isReady && !job.isPoison),
    'front',
  );
  await releaseDependents(
    installation,
    rescued.filter((job) => job.isPoison && job.hasDependents).map(({ id }) => id),
  );
  return rescued.length;
}

function tellRefused(
  { logger }: Installation,
  workerId: string,
  refused: readonly number[],
  reason: unknown,
): void {
  const fields = { workerId, jobIds: refused.slice(0, 5), count: refused.length, error: messageOf(reason) };
  logger.error('PostgreSQL refuses to have jobs of a dead worker made ready; trying again', fields);
}

async function rescueRows(db: Database, values: unknown[]): Promise<RescuedJob[]> {
  const { rows } = await db.query<RescuedJob>(RESCUE_JOBS, values);
  return rows;
}
