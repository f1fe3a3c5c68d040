import type { Database } from '../postgres/create-database.js';

/** How many jobs of a queue are in which state, in the words of explain_job. paused: they would be ready, were the queue not. */
export interface QueueDepth {
  readonly ready: number;
  readonly paused: number;
  readonly scheduled: number;
  readonly blocked: number;
  readonly running: number;
}

/** Looked at one by one in all the queues together, and in each at least. Beyond it, estimates. */
const CAP = 50_000;
const LEAST_CAP = 200;

/** What may be looked at in each of so many queues, after `seen` were looked at in others. */
export const capFor = (queues: number, seen = 0): number =>
  Math.max(LEAST_CAP, Math.floor((CAP - seen) / Math.max(queues, 1)));

const UNFINISHED = 'j.completed_at IS NULL AND j.unmet_dependencies = 0 AND j.set_aside_at IS NULL';
const COUNTS = `
  count(*) FILTER (WHERE seen.status = 'running') AS running,
  count(*) FILTER (WHERE seen.status <> 'running' AND seen.scheduled_at > now()) AS scheduled,
  count(*) FILTER (WHERE seen.status <> 'running' AND seen.scheduled_at > now() IS NOT TRUE) AS ready,
  date_part('epoch', now() - min(seen.ready_at)
    FILTER (WHERE seen.status <> 'running' AND seen.scheduled_at > now() IS NOT TRUE)) AS "oldestReadySeconds",
  count(*) AS seen`;

/** What was counted of a queue, ready: or paused, which is the queue's doing. `seen` beyond what was asked for: there is more. */
export interface SeenDepth {
  readonly queue: string;
  readonly running: number;
  readonly scheduled: number;
  readonly ready: number;
  readonly oldestReadySeconds: number | null;
  readonly seen: number;
}

/**
 * $1 queues, $2 rows of each at most. The order is that of jobs_unfinished, which is to be walked whatever the statistics say:
 * of a limit that it sees, and thinks larger than what there is, the planner makes a sort of all of it (1.6 s against 25 ms
 * for a million rows). A sub-select hides it.
 */
const COUNT_UNFINISHED = `
  SELECT q.queue, ${COUNTS}
    FROM unnest($1::text[]) AS q (queue) CROSS JOIN LATERAL (
      SELECT j.status, j.scheduled_at, j.ready_at FROM jobs j WHERE j.queue = q.queue AND ${UNFINISHED}
       ORDER BY j.priority DESC, j.ready_at, j.id LIMIT (SELECT $2::int)) seen
   GROUP BY q.queue`;

/** The same of what is due alone: in each lane it comes before what is scheduled, of which there may be any amount. */
const COUNT_DUE = `
  SELECT q.queue, ${COUNTS}
    FROM unnest($1::text[]) AS q (queue) CROSS JOIN LATERAL (
      SELECT due.* FROM generate_series(100, 0, -1) AS lane (priority) CROSS JOIN LATERAL (
        SELECT j.status, j.scheduled_at, j.ready_at FROM jobs j
         WHERE j.queue = q.queue AND j.priority = lane.priority AND ${UNFINISHED} AND j.ready_at <= now()
         ORDER BY j.ready_at, j.id LIMIT (SELECT $2::int)) due
       LIMIT (SELECT $2::int)) seen
   GROUP BY q.queue`;

/** @throws PostgresError */
export async function countUnfinished(
  db: Database,
  queues: readonly string[],
  most: number,
): Promise<Map<string, SeenDepth>> {
  return byQueue((await db.query<SeenDepth>(COUNT_UNFINISHED, [queues, most + 1])).rows);
}

/** @throws PostgresError */
export async function countDue(
  db: Database,
  queues: readonly string[],
  most: number,
): Promise<Map<string, SeenDepth>> {
  return byQueue((await db.query<SeenDepth>(COUNT_DUE, [queues, most + 1])).rows);
}

/** What is in no lane: blocked, and set aside for want of a handler. From the two small indexes that hold it. */
const COUNT_ASIDE = `
  SELECT seen.queue, count(*) FILTER (WHERE seen.unmet_dependencies > 0 AND seen.scheduled_at > now() IS NOT TRUE) AS blocked,
         count(*) FILTER (WHERE seen.scheduled_at > now()) AS scheduled,
         count(*) FILTER (WHERE seen.unmet_dependencies = 0 AND seen.scheduled_at > now() IS NOT TRUE) AS ready,
         date_part('epoch', now() - min(seen.ready_at)
           FILTER (WHERE seen.unmet_dependencies = 0 AND seen.scheduled_at > now() IS NOT TRUE)) AS "oldestReadySeconds",
         count(*) FILTER (WHERE seen.unmet_dependencies > 0) AS waiting, count(*) AS seen
    FROM ((SELECT j.queue, j.scheduled_at, j.ready_at, j.unmet_dependencies FROM jobs j
            WHERE j.unmet_dependencies > 0 AND j.completed_at IS NULL ORDER BY j.id LIMIT (SELECT ${CAP}))
          UNION ALL (SELECT j.queue, j.scheduled_at, j.ready_at, j.unmet_dependencies FROM jobs j
            WHERE j.set_aside_at IS NOT NULL AND j.completed_at IS NULL AND j.unmet_dependencies = 0
            ORDER BY j.job_type, j.id LIMIT (SELECT ${CAP}))) seen
   GROUP BY seen.queue`;

/** As VACUUM and ANALYZE last saw it. */
const READ_WAITING = `
  SELECT GREATEST((SELECT reltuples FROM pg_class WHERE oid = to_regclass('jobs_blocked')), 0)::float8 AS waiting`;

export interface AsideDepth extends Omit<SeenDepth, 'running'> {
  readonly blocked: number;
  /** Blocked, also those that are scheduled besides. */
  readonly waiting: number;
}

export interface AsideDepths {
  readonly byQueue: ReadonlyMap<string, AsideDepth>;
  readonly isExact: boolean;
}

/** Of all queues at once, since no index knows the queue of these. @throws PostgresError */
export async function countAside(db: Database): Promise<AsideDepths> {
  const { rows } = await db.query<AsideDepth>(COUNT_ASIDE);
  const waiting = rows.reduce((sum, row) => sum + row.waiting, 0);
  const setAside = rows.reduce((sum, row) => sum + row.seen, 0) - waiting;
  if (waiting < CAP) return { byQueue: byQueue(rows), isExact: setAside < CAP };
  // The oldest were counted; the others are shared out as those are.
  const { rows: sizes } = await db.query<{ waiting: number }>(READ_WAITING);
  const factor = Math.max(sizes[0]!.waiting / waiting, 1);
  const scaled = rows.map((row) => ({ ...row, blocked: Math.round(row.blocked * factor) }));
  return { byQueue: byQueue(scaled), isExact: false };
}

const byQueue = <Row extends { readonly queue: string }>(rows: readonly Row[]): Map<string, Row> =>
  new Map(rows.map((row) => [row.queue, row]));
