import type { Installation, JobDefaults } from '../installation.js';
import { isPostgresError } from '../postgres/postgres-error.js';
import { MOST_OFFERED as MOST_JOBS, type Offer, type Offers } from '../redis/offers.js';
import { sealAssignment } from './assignment.js';
import { CLAIMED_COLUMNS, recordBatch } from './claimed-job.js';
import { dispatchReadyOf } from './dispatch-jobs.js';
import { INSERT_COLUMNS, INSERT_VALUES, JSON_FIELDS, QUEUE } from './insert-columns.js';
import type { InsertedJob } from './insert-jobs.js';
import { toRow, type NewJob } from './new-job.js';
import { releaseUnknownBatch } from './release-jobs.js';
import { isWithin } from './storable-json.js';

/** In one statement, and in one message, at most. */
const MOST_BYTES = 16_384;

/**
 * Inserts jobs that the worker $1 owns from the start, as its claim $3; what a claim would refuse is inserted as it always is. $2 is an
 * array of the jobs' rows. Ids are assigned in their order, since the sort runs before the defaults.
 */
const INSERT_ASSIGNED = `
  WITH inserted AS (
    INSERT INTO jobs (${INSERT_COLUMNS}, status, attempt, worker_id, started_at)
    SELECT ${INSERT_VALUES},
           COALESCE(claim.status, 'pending'), COALESCE(claim.attempt, 0), claim.worker_id, claim.started_at
      FROM (SELECT set_config('holdfast.dispatched_by', 'submitter', true) OFFSET 0) AS announced,
           ROWS FROM (jsonb_to_recordset($2::jsonb) AS (payload jsonb, ${JSON_FIELDS})) WITH ORDINALITY AS job
           LEFT JOIN LATERAL (
             SELECT 'running'::job_status AS status, 1 AS attempt, w.id AS worker_id, now() AS started_at FROM workers w
              WHERE w.id = $1 AND w.dead_at IS NULL AND w.stopped_at IS NULL AND job.job_type = ANY (w.job_types)
                AND NOT EXISTS (SELECT 1 FROM queues q WHERE q.name = ${QUEUE} AND q.paused_at IS NOT NULL)) AS claim ON true
     ORDER BY job.ordinality
    RETURNING id, created_at, queue, priority, status, json_build_array(${CLAIMED_COLUMNS})::text AS row
  ), claimed AS (
    SELECT id FROM inserted WHERE status = 'running'
  ), batch AS (${recordBatch('$3')}
  )
  SELECT id, created_at AS "createdAt", queue, priority, CASE WHEN status = 'running' THEN row END AS claimed
    FROM inserted ORDER BY id`;

interface AssignedRow extends Omit<InsertedJob, 'isReady'> {
  /** A ClaimedRow, as JSON; null when it is an ordinary pending job. */
  readonly claimed: string | null;
}

/**
 * Submits a few jobs as claimed by a worker that waits for some: it need not claim them, so that they begin a commit earlier. Undefined when there is
 * no such worker, or when something speaks against it: nothing was stored then, and an ordinary submit tells what it is.
 *
 * @throws PostgresError `unavailable`
 */
export async function assignJobs(
  installation: Installation,
  jobs: readonly NewJob[],
): Promise<InsertedJob[] | undefined> {
  const offers = installation.lanes?.offers;
  const queue = jobs[0]?.queue ?? 'default';
  if (!offers?.mayHave(queue) || jobs.length > MOST_JOBS) return undefined;
  if (!jobs.every((job) => isForNow(job, queue))) return undefined;
  const json = toShortJson(jobs, installation.jobDefaults);
  if (json === undefined) return undefined;
  const offer = await offers.take(queue, jobs.length);
  return offer && insertFor(installation, offers, offer, queue, json);
}

const isForNow = (job: NewJob, queue: string): boolean =>
  (job.queue ?? 'default') === queue && job.scheduledAt === undefined && job.delayMs === undefined;

/** Undefined when it is too long, or when something in it has no form in JSON. */
function toShortJson(jobs: readonly NewJob[], defaults: JobDefaults): string | undefined {
  try {
    const json = JSON.stringify(jobs.map((job) => toRow(job, defaults)));
    return isWithin(json, Math.min(MOST_BYTES, defaults.maxPayloadBytes ?? MOST_BYTES)) ? json : undefined;
  } catch {
    return undefined;
  }
}

async function insertFor(
  installation: Installation,
  offers: Offers,
  offer: Offer,
  queue: string,
  json: string,
): Promise<InsertedJob[] | undefined> {
  const { db, seal } = installation;
  // While PostgreSQL works.
  setImmediate(() => seal.prepare());
  try {
    const { rows } = await db.query<AssignedRow>(INSERT_ASSIGNED, [offer.workerId, json, offer.batchNo]);
    const claimed = rows.filter((row) => row.claimed !== null);
    if (claimed.length > 0) void tellWorker(installation, offers, offer, claimed);
    else void offers.giveBack(queue, offer);
    return rows.map(({ claimed: row, ...job }) => ({ ...job, isReady: row === null }));
  } catch (error) {
    const isStored = isPostgresError(error, 'unavailable') && error.wasSent;
    if (!isStored) void offers.giveBack(queue, offer);
    if (isPostgresError(error, 'unavailable')) throw error;
    return undefined;
  }
}

/**
 * The worker begins with them as soon as it hears of them. Nobody heard it: it knows nothing of them, and they are released. Whether an answer that did
 * not come means that, only the worker knows: it looks for claims in its name that it has not heard of.
 */
async function tellWorker(
  installation: Installation,
  offers: Offers,
  offer: Offer,
  claimed: readonly AssignedRow[],
): Promise<void> {
  const { db, seal, events } = installation;
  const { workerId, batchNo } = offer;
  const queue = claimed[0]?.queue ?? 'default';
  const rows = claimed.map((row) => row.claimed as string);
  try {
    const message = sealAssignment(seal, offers.channel(offer), batchNo, rows);
    if (await offers.send(queue, offer, message)) return;
    const jobIds = claimed.map(({ id }) => id);
    await dispatchReadyOf(installation, await releaseUnknownBatch(db, workerId, { batchNo, jobIds }, []));
  } catch (error) {
    offers.distrust();
    events.emit('dispatchFailed', { queue, count: claimed.length, error });
  }
}
