import { dayOf, daysOf, hoursOf, minutesOf, secondsOf, type NextDay } from './cron-fields.js';
import { DAY_MS, type WallTime } from './time-zone.js';

/** A cron expression, apart from any time zone. */
export interface CronPattern {
  /** The first time after this one that fits; null: none ever does. */
  nextAfter(wallTime: WallTime): WallTime | null;
  /** Its hours are all the hours of a day, as with `*`: it means a rhythm rather than a time of the day. */
  readonly runsEveryHour: boolean;
}

const NAMED: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

/**
 * Reads five fields (minute, hour, day of month, month, day of week), six (with seconds before them), or `@yearly`, `@monthly`,
 * `@weekly`, `@daily`, `@hourly`. What a field says is croner's to read; here times of the day are joined with days.
 *
 * @throws Error that says what is wrong with it
 */
export function cronPattern(expression: string): CronPattern {
  const [second, minute, hour, ...days] = splitFields(expression) as [string, string, string, ...string[]];
  const times = { hours: hoursOf(hour), minutes: minutesOf(minute), seconds: secondsOf(second) };
  return { nextAfter: findNext(times, daysOf(days.join(' '))), runsEveryHour: times.hours.length === 24 };
}

/** All six of them. */
function splitFields(expression: string): string[] {
  const given = expression.trim();
  const text = NAMED[given.toLowerCase()] ?? given;
  if (text.startsWith('@')) throw new Error(`${text} is none of ${Object.keys(NAMED).join(', ')}`);
  const fields = text.split(/\s+/);
  if (fields.length === 6) return fields;
  if (fields.length === 5) return ['0', ...fields];
  throw new Error('it must have five fields, or six with seconds first, or be a name such as @daily');
}

/** Each in order, and none empty. */
interface TimesOfDay {
  readonly hours: readonly number[];
  readonly minutes: readonly number[];
  readonly seconds: readonly number[];
}

function findNext(times: TimesOfDay, nextDay: NextDay): CronPattern['nextAfter'] {
  return (wallTime) => {
    const from = Math.floor(wallTime / 1_000) * 1_000 + 1_000;
    const today = dayOf(from);
    const day = nextDay(today);
    if (day === null || day > today) return day === null ? null : day + (nextTime(times, 0) as number);
    const time = nextTime(times, from - today);
    if (time !== null) return today + time;
    const later = nextDay(today + DAY_MS);
    return later === null ? null : later + (nextTime(times, 0) as number);
  };
}

/** The first time of the day at or after this one, in milliseconds since midnight; null: the day is over. */
function nextTime({ hours, minutes, seconds }: TimesOfDay, from: number): number | null {
  const atHour = Math.floor(from / 3_600_000);
  const atMinute = Math.floor(from / 60_000) % 60;
  const atSecond = Math.floor(from / 1_000) % 60;
  const time = (hour: number, minute = minutes[0] as number, second = seconds[0] as number) =>
    ((hour * 60 + minute) * 60 + second) * 1_000;
  if (hours.includes(atHour)) {
    const second = minutes.includes(atMinute) ? seconds.find((one) => one >= atSecond) : undefined;
    if (second !== undefined) return time(atHour, atMinute, second);
    const minute = minutes.find((one) => one > atMinute);
    if (minute !== undefined) return time(atHour, minute);
  }
  const hour = hours.find((one) => one > atHour);
  return hour === undefined ? null : time(hour);
}
