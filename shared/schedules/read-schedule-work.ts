import type { Database } from '../postgres/create-database.js';

/** What there is to do for the schedules. */
export interface ScheduleWork {
  /** Plain SQL wrote some whose next fire nobody has worked out. */
  readonly isUnplanned: boolean;
  /** Until the next fire, by the database's clock; not above zero: it is due since. Null: there is none. */
  readonly nextInMs: number | null;
}

/** $1: how far back, in milliseconds; null: to the beginning. */
export const SINCE = (parameter: string): string =>
  `COALESCE(now() - ${parameter}::float8 * interval '1 millisecond', '-infinity')`;

/** Two looks at the front of an index. */
const READ_WORK = `
  SELECT EXISTS (SELECT 1 FROM job_schedules WHERE needs_planning) AS "isUnplanned",
         (SELECT date_part('epoch', next_run_at - clock_timestamp()) * 1000 FROM job_schedules
           WHERE enabled AND next_run_at > ${SINCE('$1')} ORDER BY next_run_at LIMIT 1) AS "nextInMs"`;

/**
 * Every fire leaves a dead entry in the index, which stays while somebody's snapshot could see it: a look that does not go far back
 * does not walk them all.
 *
 * @throws PostgresError
 */
export async function readScheduleWork(
  db: Database,
  lookBackMs: number | null = null,
): Promise<ScheduleWork> {
  const { rows } = await db.query<ScheduleWork>(READ_WORK, [lookBackMs]);
  return rows[0] as ScheduleWork;
}
