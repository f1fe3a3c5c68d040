import { hostname } from 'node:os';
import { randomBytes } from 'node:crypto';
import type { Installation } from '../installation.js';
import type { Database } from '../postgres/create-database.js';
import { packageVersion } from '../package-root.js';
import { messageOf } from '../errors.js';
import { actApart } from '../jobs/act-apart.js';
import { dispatchJobs, type DispatchableJob } from '../jobs/dispatch-jobs.js';

export interface WorkerDescription {
  readonly queues: readonly string[];
  readonly jobTypes: readonly string[];
  /** Jobs that it may run at once, over all its queues. */
  readonly concurrency: number;
  /** After this long without a heartbeat the worker is declared dead. */
  readonly deadAfterMs: number;
}

/** An id of one incarnation: a worker that was declared dead comes back as another. */
export const newWorkerId = (): string => `w-${randomBytes(6).toString('hex')}`;

const REGISTER_WORKER = `
  INSERT INTO workers (id, hostname, pid, version, queues, job_types, concurrency, dead_after_ms)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`;

/** @throws PostgresError */
export async function registerWorker(
  db: Database,
  workerId: string,
  worker: WorkerDescription,
): Promise<void> {
  const { queues, jobTypes, concurrency, deadAfterMs } = worker;
  await db.query(REGISTER_WORKER, [
    workerId,
    hostname(),
    process.pid,
    packageVersion,
    queues,
    jobTypes,
    concurrency,
    deadAfterMs,
  ]);
}

/** $1 worker id. No row: it was declared dead. Run by the heartbeat's own thread. */
export const BEAT = `UPDATE workers SET last_seen_at = now() WHERE id = $1 AND dead_at IS NULL AND stopped_at IS NULL RETURNING id`;

export async function markWorkerStopped(db: Database, workerId: string): Promise<void> {
  await db.query('UPDATE workers SET stopped_at = now() WHERE id = $1 AND stopped_at IS NULL', [workerId]);
}

/** A time in which PostgreSQL has answered without a gap, by its own clock, as it writes it. */
export interface TrustedTime {
  readonly from: string;
  readonly until: string;
}

/**
 * A worker is silent for as long as it did not beat while PostgreSQL was seen to answer ($1 to $2): after an outage nobody is
 * declared dead before everybody had a full lease to beat again, and a statement that a stall held up judges by what was known when
 * it was asked. A beat that is still to come is from before the clock went back, or of a server whose clock was ahead: who lives has beaten
 * since. $3: the leader; a statement that was held up until its lease ran out does nothing.
 */
const DECLARE_DEAD = `
  UPDATE workers SET dead_at = now()
   WHERE id = ANY (ARRAY(
    SELECT id FROM workers
     WHERE dead_at IS NULL AND stopped_at IS NULL
       AND $1::timestamptz <= $2::timestamptz - dead_after_ms * interval '1 millisecond'
       AND (last_seen_at < $2::timestamptz - dead_after_ms * interval '1 millisecond'
            OR last_seen_at > clock_timestamp() + interval '1 second')
       AND ($3::text IS NULL OR EXISTS (SELECT 1 FROM coordinator_lease WHERE holder = $3 AND expires_at > now()))
     FOR NO KEY UPDATE SKIP LOCKED))
  RETURNING id`;

export async function declareDeadWorkers(
  db: Database,
  { from, until }: TrustedTime,
  leader: string | null = null,
): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>(DECLARE_DEAD, [from, until, leader]);
  return rows.map(({ id }) => id);
}

/** Which queues live workers serve, and the job types they handle there. */
export async function readServedTypes(db: Database): Promise<Map<string, string[]>> {
  const { rows } = await db.query<{ queue: string; types: string[] }>(`
    SELECT queue, array_agg(DISTINCT job_type) AS types
      FROM workers, unnest(queues) AS queue, unnest(job_types) AS job_type
     WHERE dead_at IS NULL AND stopped_at IS NULL GROUP BY queue`);
  return new Map(rows.map(({ queue, types }) => [queue, types]));
}

export async function readLiveWorkerIds(db: Database): Promise<Set<string>> {
  const { rows } = await db.query<{ id: string }>(
    'SELECT id FROM workers WHERE dead_at IS NULL AND stopped_at IS NULL',
  );
  return new Set(rows.map(({ id }) => id));
}

const FORGET_WORKERS = `
  WITH gone AS (
    DELETE FROM workers w WHERE COALESCE(dead_at, stopped_at) < now() - $1 * interval '1 millisecond'
       AND NOT EXISTS (SELECT 1 FROM claim_batches b WHERE b.worker_id = w.id)
    RETURNING id
  )
  DELETE FROM cancel_requests WHERE worker_id IN (SELECT id FROM gone)`;

export async function forgetWorkers(db: Database, olderThanMs: number): Promise<void> {
  await db.query(FORGET_WORKERS, [olderThanMs]);
}

const SET_ASIDE = `
  UPDATE jobs SET set_aside_at = now(), updated_at = now()
   WHERE id = ANY (ARRAY(SELECT id FROM jobs WHERE id = ANY ($1::bigint[]) AND status = 'pending' AND set_aside_at IS NULL
                          ORDER BY id FOR NO KEY UPDATE SKIP LOCKED))
     AND NOT EXISTS (SELECT 1 FROM workers w WHERE w.dead_at IS NULL AND w.stopped_at IS NULL
                        AND jobs.queue = ANY (w.queues) AND jobs.job_type = ANY (w.job_types))`;

/** Sets aside those jobs whose type no live worker of their queue declares: they leave the ready index and wait. Not those that somebody holds. */
export async function setAsideUnhandled(db: Database, ids: readonly number[]): Promise<void> {
  await db.query(SET_ASIDE, [ids]);
}

/** Those of these jobs that wait for a worker of other types. */
export async function readOfOtherTypes(
  db: Database,
  ids: readonly number[],
  jobTypes: readonly string[],
): Promise<number[]> {
  const { rows } = await db.query<{ id: number }>(
    `SELECT id FROM jobs WHERE id = ANY ($1::bigint[]) AND status = 'pending' AND set_aside_at IS NULL AND job_type <> ALL ($2::text[])`,
    [ids, jobTypes],
  );
  return rows.map(({ id }) => id);
}

/** The moment before which a row must have been set aside: others may do so, while we take back. */
const READ_NOW = 'SELECT now()::text AS now';

const FIND_SET_ASIDE = `
  SELECT id FROM jobs WHERE set_aside_at <= $3::timestamptz AND job_type = ANY ($2::text[]) AND queue = $1 AND id <> ALL ($4::bigint[])
   ORDER BY job_type, id LIMIT 1000`;

/** Also lowers the watermark, since the jobs come back with the age they have. */
const TAKE_BACK = `
  WITH back AS (
    UPDATE jobs SET set_aside_at = NULL, updated_at = now()
     WHERE id = ANY (ARRAY(SELECT id FROM jobs WHERE id = ANY ($1::bigint[]) AND set_aside_at IS NOT NULL
                            ORDER BY id FOR UPDATE SKIP LOCKED))
    RETURNING id, queue, priority, lost_count AS "lostCount", ready_at
  ), lowered AS (
    UPDATE coordinator_lease SET ready_watermark = LEAST(ready_watermark, (SELECT min(ready_at) FROM back))
     WHERE EXISTS (SELECT 1 FROM back)
  )
  SELECT * FROM back ORDER BY ready_at, id`;

/**
 * Dispatches jobs that were set aside, now that somebody handles their type. Those that somebody's transaction holds, or a trigger of
 * theirs refuses, are for the next time.
 *
 * @throws PostgresError
 */
export async function takeBackSetAside(
  installation: Installation,
  queue: string,
  jobTypes: readonly string[],
): Promise<void> {
  const { db, logger } = installation;
  const left = new Set<number>();
  const takeBack = async (ids: readonly number[]) => (await db.query<DispatchableJob>(TAKE_BACK, [ids])).rows;
  const tell = (jobId: number, error: unknown) =>
    logger.warn('a job that was set aside could not be taken back; trying again', {
      jobId,
      error: messageOf(error),
    });
  const since = (await db.query<{ now: string }>(READ_NOW)).rows[0]?.now;
  for (;;) {
    const { rows } = await db.query<{ id: number }>(FIND_SET_ASIDE, [queue, jobTypes, since, [...left]]);
    if (rows.length === 0) return;
    const ids = rows.map(({ id }) => id);
    const back = await actApart(ids, takeBack, tell);
    await dispatchJobs(installation, back, 'front');
    const taken = new Set(back.map(({ id }) => id));
    for (const id of ids) if (!taken.has(id)) left.add(id);
  }
}
