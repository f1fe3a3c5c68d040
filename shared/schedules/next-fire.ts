import { nextCronFire } from './cron-fires.js';
import { cronPattern } from './cron-pattern.js';
import { LATEST } from '../time/years.js';
import { timeZone } from './time-zone.js';

/** When a schedule fires, as its row says: a cron expression in a time zone, or an interval. */
export interface ScheduleRule {
  readonly cron_expression: string | null;
  readonly interval_ms: number | null;
  readonly timezone: string;
  /** Not before this time. An interval's first fire is at this very time. */
  readonly starts_at: Date | null;
  /** Not after this time. */
  readonly ends_at: Date | null;
  /** Without `starts_at`, an interval counts from here. */
  readonly created_at: Date;
}

/** The first fire after an instant (milliseconds since 1970); null: it has fired for the last time. */
export type NextFire = (after: number) => number | null;

/**
 * Reads a rule. Nothing here looks at a clock: callers pass the database's time.
 *
 * @throws Error that says what is wrong with the cron expression; RangeError when there is no such time zone
 */
export function readRule(rule: ScheduleRule): NextFire {
  const startsAt = rule.starts_at?.getTime() ?? -Infinity;
  const endsAt = Math.min(rule.ends_at?.getTime() ?? LATEST, LATEST);
  const next = rule.interval_ms === null ? readCron(rule) : readInterval(rule.interval_ms, rule);
  return (after) => {
    const from = Math.max(after, startsAt - 1);
    const fire = from < LATEST ? next(from) : null;
    return fire === null || fire > endsAt ? null : fire;
  };
}

function readCron({ cron_expression, timezone }: ScheduleRule): NextFire {
  const pattern = cronPattern(cron_expression ?? '');
  const zone = timeZone(timezone);
  return (after) => nextCronFire(pattern, zone, after);
}

/** Counted from one anchor, so that fires never drift, however late each of them is. */
function readInterval(intervalMs: number, { starts_at, created_at }: ScheduleRule): NextFire {
  const anchor = (starts_at ?? created_at).getTime();
  const first = starts_at === null ? 1 : 0;
  return (after) => anchor + Math.max(first, Math.floor((after - anchor) / intervalMs) + 1) * intervalMs;
}

/** The next `count` fires after an instant, or as many as there are. */
export function nextFires(next: NextFire, after: number, count: number): Date[] {
  const fires: Date[] = [];
  let fire = next(after);
  while (fire !== null && fires.length < count) {
    fires.push(new Date(fire));
    fire = next(fire);
  }
  return fires;
}
