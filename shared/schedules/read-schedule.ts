import type { Database } from '../postgres/create-database.js';
import { nextFires, readRule } from './next-fire.js';
import { SCHEDULE_COLUMNS, type ScheduleRow } from './schedule.js';

/** What became of a fire time. */
export interface ScheduleFire {
  readonly scheduled_for: Date;
  /** When it was decided. */
  readonly fired_at: Date;
  readonly job_id: number | null;
  readonly outcome: 'fired' | 'skipped_overlap' | 'misfired';
  readonly is_manual: boolean;
  /** Of a misfire: how many fire times it stands for (10,000: that many or more), and the last of them. */
  readonly missed: number | null;
  readonly missed_until: Date | null;
}

export interface ScheduleDetail extends ScheduleRow {
  /** The next five, when it is enabled. */
  readonly next_fires: readonly Date[];
  /** The last twenty, newest first. */
  readonly recent_fires: readonly ScheduleFire[];
}

const FIRES_SHOWN = 5;

const READ_SCHEDULE = `SELECT ${SCHEDULE_COLUMNS}, now() AS read_at FROM job_schedules WHERE name = $1`;
const READ_FIRES = `
  SELECT fire_at AS scheduled_for, fired_at, job_id, outcome, is_manual, missed, missed_until FROM job_schedule_fires
   WHERE schedule_id = $1 ORDER BY fire_at DESC LIMIT 20`;

/** Null: there is none of that name. @throws PostgresError */
export async function readSchedule(db: Database, name: string): Promise<ScheduleDetail | null> {
  const { rows } = await db.query<ScheduleRow & { read_at: Date }>(READ_SCHEDULE, [name]);
  const [found] = rows;
  if (!found) return null;
  const { read_at: now, ...schedule } = found;
  const { rows: recent } = await db.query<ScheduleFire>(READ_FIRES, [schedule.id]);
  return { ...schedule, next_fires: upcoming(schedule, now), recent_fires: recent };
}

/** One that is due begins with the fire that is on its way. A rule that SQL got wrong has none: `last_error` says why. */
function upcoming(schedule: ScheduleRow, now: Date): Date[] {
  if (!schedule.enabled) return [];
  try {
    const next = readRule(schedule);
    const { next_run_at: first } = schedule;
    if (first === null) return nextFires(next, now.getTime(), FIRES_SHOWN);
    return [first, ...nextFires(next, Math.max(first.getTime(), now.getTime()), FIRES_SHOWN - 1)];
  } catch {
    return [];
  }
}
