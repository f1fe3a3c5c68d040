import type { Installation } from '../installation.js';
import { dispatchJobs, type DispatchableJob } from './dispatch-jobs.js';

/** A place in the order of due jobs. The time is PostgreSQL's own text: a Date has no microseconds. */
export interface PromoteCursor {
  readonly scheduledAt: string;
  readonly id: number;
}

export interface Promotion {
  /** Where the next walk goes on. */
  readonly cursor: PromoteCursor;
  /** How many jobs were dispatched. */
  readonly count: number;
  /** Until the next job is due, by the database's clock; negative when it is due since. Null: none is within a second. */
  readonly nextInMs: number | null;
}

/** Jobs that were dispatched a moment ago, each for a time. */
export interface PushedJobs {
  has(id: number, scheduledAt: string): boolean;
  add(id: number, scheduledAt: string): void;
}

interface DueJob extends DispatchableJob {
  readonly scheduledAt: string;
}

interface PageEnd {
  readonly readAt: string;
  readonly nextInMs: number | null;
}

const PAGE = 1_000;

/**
 * A walk along jobs_due. `unmet_dependencies < 1`, not `= 0`: that would imply the predicate of jobs_unfinished, which the
 * planner prefers right after a bulk load, and then it reads all of it (322 ms against 0.03 ms at a million rows).
 */
const WAITS_FOR_ITS_TIME = `
  scheduled_at IS NOT NULL AND completed_at IS NULL AND status = 'pending' AND unmet_dependencies < 1 AND set_aside_at IS NULL`;

/**
 * One page and when to come back, in one statement. What is due is told by now(), which is older than the snapshot: what becomes due
 * in between is behind neither the page nor the cursor. Jobs of a paused queue are left to the polls and the sweep, which find
 * them when it goes on.
 */
const READ_DUE = `
  WITH due AS MATERIALIZED (
    SELECT id, queue, priority, lost_count AS "lostCount", scheduled_at FROM jobs
     WHERE ${WAITS_FOR_ITS_TIME} AND scheduled_at <= now()
       AND (scheduled_at, id) > ($1::timestamptz - $3 * interval '1 millisecond', $2::bigint)
       AND queue <> ALL (ARRAY(SELECT name FROM queues WHERE paused_at IS NOT NULL))
     ORDER BY scheduled_at, id LIMIT ${PAGE}
  ), next AS MATERIALIZED (
    SELECT date_part('epoch', scheduled_at - clock_timestamp()) * 1000 AS in_ms FROM jobs
     WHERE ${WAITS_FOR_ITS_TIME} AND scheduled_at > now() AND scheduled_at <= now() + interval '1 second'
     ORDER BY scheduled_at, id LIMIT 1
  )
  SELECT now()::text AS "readAt", (SELECT in_ms FROM next) AS "nextInMs", due.*, due.scheduled_at::text AS "scheduledAt"
    FROM (VALUES (1)) AS always LEFT JOIN due ON true ORDER BY due.scheduled_at, due.id`;

/**
 * Dispatches the jobs that became due after the cursor, or up to `lookBackMs` before it. No write marks them: the cursor moves
 * on. Jobs in `alreadyPushed` are left out, and what is pushed is added to it.
 *
 * @throws PostgresError
 */
export async function promoteDue(
  installation: Installation,
  from: PromoteCursor,
  alreadyPushed: PushedJobs,
  lookBackMs = 0,
): Promise<Promotion> {
  let page = await readPage(installation, from, lookBackMs);
  let count = await push(installation, page.jobs, alreadyPushed);
  while (page.jobs.length === PAGE) {
    const { scheduledAt, id } = page.jobs.at(-1) as DueJob;
    page = await readPage(installation, { scheduledAt, id }, 0);
    count += await push(installation, page.jobs, alreadyPushed);
  }
  if (count > 0) installation.events.emit('promoted', { count });
  // All that was due when the last page was read is pushed: the cursor follows the clock, not the last job.
  return { cursor: { scheduledAt: page.readAt, id: 0 }, count, nextInMs: page.nextInMs };
}

async function readPage(
  { db }: Installation,
  { scheduledAt, id }: PromoteCursor,
  lookBackMs: number,
): Promise<PageEnd & { jobs: DueJob[] }> {
  const { rows } = await db.query<DueJob & PageEnd>(READ_DUE, [scheduledAt, id, lookBackMs]);
  const { readAt, nextInMs } = rows[0] as PageEnd;
  // One row without a job stands for an empty page.
  return { readAt, nextInMs, jobs: rows.filter((row) => row.id !== null) };
}

async function push(
  installation: Installation,
  jobs: readonly DueJob[],
  alreadyPushed: PushedJobs,
): Promise<number> {
  const fresh = jobs.filter(({ id, scheduledAt }) => !alreadyPushed.has(id, scheduledAt));
  for (const { id, scheduledAt } of fresh) alreadyPushed.add(id, scheduledAt);
  await dispatchJobs(installation, fresh);
  return fresh.length;
}
