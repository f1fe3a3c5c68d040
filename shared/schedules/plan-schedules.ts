import { messageOf } from '../errors.js';
import type { Installation } from '../installation.js';
import type { QueryTarget } from '../postgres/query-target.js';
import { readRule, type ScheduleRule } from './next-fire.js';

interface UnplannedSchedule extends ScheduleRule {
  readonly id: number;
  readonly name: string;
  /** Its first fire after this is the next one. */
  readonly plan_after: Date;
}

interface Plan {
  readonly id: number;
  readonly next_run_at: Date | null;
  readonly last_error: string | null;
}

const PAGE = 1_000;

const LOCK_UNPLANNED = `
  SELECT id, name, cron_expression, interval_ms, timezone, starts_at, ends_at, created_at, plan_after
    FROM job_schedules WHERE needs_planning ORDER BY id LIMIT ${PAGE} FOR NO KEY UPDATE SKIP LOCKED`;

const STORE_PLANS = `
  UPDATE job_schedules s SET next_run_at = p.next_run_at, last_error = p.last_error, needs_planning = false,
    updated_at = clock_timestamp()
   FROM jsonb_to_recordset($1::jsonb) AS p (id bigint, next_run_at timestamptz, last_error text) WHERE s.id = p.id`;

/**
 * Works out the next fire of schedules that plain SQL wrote, a page at a time. A rule that means nothing is told in the row's
 * `last_error`, and to whoever listens; its schedule rests until it is corrected.
 *
 * @returns how many were planned
 * @throws PostgresError
 */
export async function planSchedules({ db, events }: Installation): Promise<number> {
  const failures: { schedule: string; error: string }[] = [];
  const count = await db.transaction(async (tx) => {
    const unplanned = await lockUnplanned(tx);
    const plans = unplanned.map(plan);
    for (const [index, { last_error: error }] of plans.entries()) {
      if (error !== null) failures.push({ schedule: unplanned[index]!.name, error });
    }
    if (plans.length > 0) await tx.query(STORE_PLANS, [JSON.stringify(plans)]);
    return plans.length;
  });
  for (const failure of failures) events.emit('scheduleFailed', failure);
  return count;
}

async function lockUnplanned(tx: QueryTarget): Promise<UnplannedSchedule[]> {
  return (await tx.query(LOCK_UNPLANNED)).rows as UnplannedSchedule[];
}

function plan({ id, plan_after, ...rule }: UnplannedSchedule): Plan {
  try {
    const next = readRule(rule)(plan_after.getTime());
    return { id, next_run_at: next === null ? null : new Date(next), last_error: null };
  } catch (error) {
    return { id, next_run_at: null, last_error: messageOf(error) };
  }
}
