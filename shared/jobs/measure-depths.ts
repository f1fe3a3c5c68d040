import type { Database } from '../postgres/create-database.js';
import { readQueuesWithWork } from './read-ready.js';

/**
 * How many jobs are in which state. pending: ready, or ready but for a paused queue; so that the first four and `blocked`
 * exclude one another. dlq: open dead letters, most of whose jobs are among the failed.
 */
export interface QueueDepths {
  readonly pending: number;
  readonly processing: number;
  readonly scheduled: number;
  readonly blocked: number;
  readonly failed: number;
  readonly dlq: number;
}

export interface OldestReady {
  readonly queue: string;
  readonly seconds: number;
}

export interface DepthMeasure {
  readonly depths: QueueDepths;
  /** False: some state has so many jobs that the planner's statistics were asked instead. */
  readonly isExact: boolean;
  readonly oldestReady: readonly OldestReady[];
}

/** What is looked at one by one. Beyond it, estimates: a backlog of millions must cost the scrape no more than this. */
const CAP = 50_000;

interface StateRow {
  readonly queue: string;
  readonly state: 'pending' | 'processing' | 'scheduled' | 'blocked';
  readonly count: number;
  readonly oldestSeconds: number | null;
}

/**
 * Unfinished jobs by queue and state, from the three partial indexes that hold them between them. The order is that of
 * jobs_unfinished, so that the planner walks it and stops at the cap, however wrong its statistics are.
 */
const COUNT_UNFINISHED = `
  SELECT queue, state, count(*) AS count,
         CASE WHEN state = 'pending' THEN date_part('epoch', now() - min(ready_at)) END AS "oldestSeconds"
    FROM (SELECT queue, ready_at, CASE WHEN status = 'running' THEN 'processing' WHEN scheduled_at > now() THEN 'scheduled'
                   WHEN unmet_dependencies > 0 THEN 'blocked' ELSE 'pending' END AS state
            FROM ((SELECT j.queue, j.ready_at, j.status, j.scheduled_at, j.unmet_dependencies FROM jobs j
                    WHERE j.completed_at IS NULL AND j.unmet_dependencies = 0 AND j.set_aside_at IS NULL
                    ORDER BY j.queue, j.priority DESC, j.ready_at, j.id LIMIT ${CAP + 1})
                  UNION ALL (SELECT j.queue, j.ready_at, j.status, j.scheduled_at, j.unmet_dependencies FROM jobs j
                    WHERE j.unmet_dependencies > 0 AND j.completed_at IS NULL ORDER BY j.id LIMIT ${CAP + 1})
                  UNION ALL (SELECT j.queue, j.ready_at, j.status, j.scheduled_at, j.unmet_dependencies FROM jobs j
                    WHERE j.set_aside_at IS NOT NULL AND j.completed_at IS NULL AND j.unmet_dependencies = 0
                    ORDER BY j.job_type, j.id LIMIT ${CAP + 1})) unfinished) AS known
   GROUP BY queue, state`;

/** The size of an index in entries, as VACUUM and ANALYZE last saw it. */
const SIZE = (index: string) =>
  `GREATEST((SELECT reltuples FROM pg_class WHERE oid = to_regclass('${index}')), 0)::float8`;

/** For a backlog beyond the cap. What runs is known from the claims, what is scheduled up to the cap. */
const ESTIMATE_UNFINISHED = `
  SELECT ${SIZE('jobs_unfinished')} + ${SIZE('jobs_set_aside')} AS unfinished, ${SIZE('jobs_blocked')} AS blocked,
         (SELECT count(*) FROM claim_batches b CROSS JOIN LATERAL unnest(b.job_ids) AS owned (id)
            JOIN jobs j ON j.id = owned.id WHERE j.status = 'running') AS processing,
         (SELECT count(*) FROM (SELECT 1 FROM jobs WHERE scheduled_at > now() AND completed_at IS NULL
                                 ORDER BY scheduled_at LIMIT ${CAP}) due) AS scheduled`;

/** The first ready job of each lane: one probe of jobs_unfinished a priority. */
const READ_OLDEST_READY = `
  SELECT q.queue, date_part('epoch', now() - min(head.ready_at)) AS seconds
    FROM unnest($1::text[]) AS q (queue) CROSS JOIN generate_series(100, 0, -1) AS lane (priority)
   CROSS JOIN LATERAL (
     SELECT j.ready_at FROM jobs j
      WHERE j.queue = q.queue AND j.priority = lane.priority AND j.completed_at IS NULL AND j.unmet_dependencies = 0
        AND j.set_aside_at IS NULL AND j.status = 'pending' AND j.ready_at <= now()
      ORDER BY j.ready_at, j.id LIMIT 1) head
   GROUP BY q.queue`;

const COUNT_FAILURES = `
  SELECT (SELECT count(*) FROM (SELECT 1 FROM dead_letter_jobs WHERE status = 'open' ORDER BY job_id LIMIT ${CAP + 1}) d) AS dlq,
         ${SIZE('dead_letter_jobs_one_open_per_job')} AS "dlqEstimate", seen.failed, seen.count AS seen,
         ${SIZE('jobs_with_error')} AS "withError"
    FROM (SELECT count(*) FILTER (WHERE status = 'failed') AS failed, count(*) AS count
            FROM (SELECT status FROM jobs WHERE error_class IS NOT NULL ORDER BY id DESC LIMIT ${CAP + 1}) newest) seen`;

const READ_PAUSED = 'SELECT name FROM queues WHERE paused_at IS NOT NULL';

/** @throws PostgresError */
export async function measureDepths(db: Database): Promise<DepthMeasure> {
  const { rows } = await db.query<StateRow>(COUNT_UNFINISHED);
  const paused = new Set((await db.query<{ name: string }>(READ_PAUSED)).rows.map(({ name }) => name));
  const failures = await countFailures(db);
  const counts = { pending: 0, processing: 0, scheduled: 0, blocked: 0 };
  for (const { state, count } of rows) counts[state] += count;
  const seen = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const isFewEnough = seen <= CAP;
  const unfinished = isFewEnough ? counts : await estimateUnfinished(db);
  const oldestReady = isFewEnough ? oldestOf(rows) : await readOldestReady(db);
  return {
    depths: { ...unfinished, failed: failures.failed, dlq: failures.dlq },
    isExact: isFewEnough && failures.isExact,
    // A paused queue waits on purpose; nothing in it is ready.
    oldestReady: oldestReady.filter(({ queue }) => !paused.has(queue)),
  };
}

function oldestOf(rows: readonly StateRow[]): OldestReady[] {
  return rows.flatMap(({ queue, oldestSeconds }) =>
    oldestSeconds === null ? [] : [{ queue, seconds: oldestSeconds }],
  );
}

async function readOldestReady(db: Database): Promise<OldestReady[]> {
  const { rows } = await db.query<OldestReady>(READ_OLDEST_READY, [await readQueuesWithWork(db)]);
  return rows;
}

interface UnfinishedEstimate {
  readonly unfinished: number;
  readonly blocked: number;
  readonly processing: number;
  readonly scheduled: number;
}

async function estimateUnfinished(db: Database) {
  const { rows } = await db.query<UnfinishedEstimate>(ESTIMATE_UNFINISHED);
  const { unfinished, blocked, processing, scheduled } = rows[0]!;
  // Right after a bulk load the statistics know nothing of it; the cap is what was seen.
  const pending = Math.max(unfinished, CAP) - processing - scheduled;
  return { pending: Math.max(Math.round(pending), 0), processing, scheduled, blocked: Math.round(blocked) };
}

interface FailureCounts {
  readonly dlq: number;
  readonly dlqEstimate: number;
  readonly failed: number;
  readonly seen: number;
  readonly withError: number;
}

async function countFailures(db: Database) {
  const { rows } = await db.query<FailureCounts>(COUNT_FAILURES);
  const { dlq, dlqEstimate, failed, seen, withError } = rows[0]!;
  const isExact = dlq <= CAP && seen <= CAP;
  if (isExact) return { dlq, failed, isExact };
  return {
    dlq: dlq <= CAP ? dlq : Math.max(dlq, Math.round(dlqEstimate)),
    failed: seen <= CAP ? failed : Math.max(failed, Math.round((failed / seen) * withError)),
    isExact,
  };
}
