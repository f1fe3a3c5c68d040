import type { Installation } from '../installation.js';
import { dispatchJobs, type DispatchableJob } from './dispatch-jobs.js';

/** A place in the order of due jobs. The time is PostgreSQL's own text: a Date has no microseconds. */
export interface PromoteCursor {
  readonly scheduledAt: string;
  readonly id: number;
}

interface DueJob extends DispatchableJob {
  readonly scheduledAt: string;
}

const PAGE = 1_000;

/**
 * A walk along jobs_due. `unmet_dependencies < 1`, not `= 0`: that would imply the predicate of jobs_unfinished, which the
 * planner prefers right after a bulk load, and then it reads all of it (322 ms against 0.03 ms at a million rows).
 * Jobs of a paused queue are left to the polls and the sweep, which find them when it goes on.
 */
const READ_DUE = `
  SELECT id, queue, priority, lost_count AS "lostCount", scheduled_at::text AS "scheduledAt" FROM jobs
   WHERE scheduled_at IS NOT NULL AND completed_at IS NULL AND (scheduled_at, id) > ($1::timestamptz, $2::bigint)
     AND scheduled_at <= now() AND status = 'pending' AND unmet_dependencies < 1 AND set_aside_at IS NULL
     AND queue <> ALL (ARRAY(SELECT name FROM queues WHERE paused_at IS NOT NULL))
   ORDER BY scheduled_at, id LIMIT ${PAGE}`;

/** Beyond the cursor, not beyond now(): a job that became due since the walk must not wait for another tick. */
const READ_NEXT_DUE = `
  SELECT date_part('epoch', scheduled_at - clock_timestamp()) * 1000 AS "inMs" FROM jobs
   WHERE scheduled_at IS NOT NULL AND completed_at IS NULL AND (scheduled_at, id) > ($1::timestamptz, $2::bigint)
     AND status = 'pending' AND unmet_dependencies < 1 AND set_aside_at IS NULL
   ORDER BY scheduled_at, id LIMIT 1`;

/**
 * Dispatches the jobs that became due after the cursor. No write marks them: the cursor moves on. Jobs in `alreadyPushed`
 * (id to scheduledAt) are left out, and what is pushed is added to it.
 *
 * @returns the new cursor. @throws PostgresError
 */
export async function promoteDue(
  installation: Installation,
  cursor: PromoteCursor,
  alreadyPushed: Map<number, string>,
): Promise<{ cursor: PromoteCursor; count: number }> {
  let at = cursor;
  let count = 0;
  for (;;) {
    const readAt = await readClock(installation);
    const { rows } = await installation.db.query<DueJob>(READ_DUE, [at.scheduledAt, at.id]);
    const fresh = rows.filter((job) => alreadyPushed.get(job.id) !== job.scheduledAt);
    for (const job of fresh) alreadyPushed.set(job.id, job.scheduledAt);
    await dispatchJobs(installation, fresh);
    count += fresh.length;
    const last = rows.at(-1);
    if (last) at = { scheduledAt: last.scheduledAt, id: last.id };
    if (rows.length === PAGE) continue;
    // All that was due when this page was read is pushed: the cursor follows the clock, not the last job.
    at = { scheduledAt: readAt, id: 0 };
    break;
  }
  if (count > 0) installation.events.emit('promoted', { count });
  return { cursor: at, count };
}

/** Taken before the page: what becomes due in between is behind neither. */
async function readClock(installation: Installation): Promise<string> {
  const { rows } = await installation.db.query<{ at: string }>('SELECT clock_timestamp()::text AS at');
  return rows[0]?.at ?? '-infinity';
}

/** Milliseconds until the next job after the cursor is due by the database's clock; null when none is. */
export async function readNextDueMs(
  installation: Installation,
  cursor: PromoteCursor,
): Promise<number | null> {
  const { rows } = await installation.db.query<{ inMs: number }>(READ_NEXT_DUE, [
    cursor.scheduledAt,
    cursor.id,
  ]);
  return rows[0]?.inMs ?? null;
}
