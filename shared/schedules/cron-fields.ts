import { Cron } from 'croner';
import { recentFew } from './recent-few.js';
import { DAY_MS, type WallTime } from './time-zone.js';

/** Field texts are few; a list of numbers is small. */
const MOST_LISTS = 5_000;
/** croner takes 80 kB for an expression, so that only days, of which there are few, are kept as one. */
const MOST_DAYS = 250;

/** The seconds, minutes or hours that a field names, in order. @throws Error that says what is wrong with it */
export const secondsOf = listOf((field) => `${field} * * * * *`, 1_000, 60);
export const minutesOf = listOf((field) => `0 ${field} * * * *`, 60_000, 60);
export const hoursOf = listOf((field) => `0 0 ${field} * * *`, 3_600_000, 24);

function listOf(expressionOf: (field: string) => string, unitMs: number, count: number) {
  return recentFew(MOST_LISTS, (field): readonly number[] => {
    const next = readByCroner(expressionOf(field));
    const found: number[] = [];
    for (let at = next(-1); at !== null && at < count * unitMs; at = next(at)) found.push(at / unitMs);
    return found;
  });
}

/** The beginning of the first day that fits, from the one on that begins at this time; null: none ever does. */
export type NextDay = (day: WallTime) => WallTime | null;

/** Reads day of month, month and day of week, with blanks in between. @throws Error that says what is wrong with them */
export const daysOf = recentFew(MOST_DAYS, (fields): NextDay => {
  // Any day fits: no need to ask.
  if (fields === '* * *') return (day) => day;
  const next = readByCroner(`0 0 0 ${fields}`);
  // Whole pages of schedules are at the same day.
  let [from, found]: [WallTime, WallTime | null] = [Number.NaN, null];
  return (day) => {
    if (day !== from) [from, found] = [day, next(day - 1)];
    return found;
  };
});

/** By a clock that never changes: what daylight-saving time makes of it is decided in cron-fires.ts. */
function readByCroner(expression: string): (after: number) => number | null {
  const cron = new Cron(expression, { mode: '6-part', utcOffset: 0, paused: true });
  // croner goes on from whole seconds.
  return (after) => cron.nextRun(new Date(Math.floor(after / 1_000) * 1_000))?.getTime() ?? null;
}

export const dayOf = (wallTime: WallTime): WallTime => Math.floor(wallTime / DAY_MS) * DAY_MS;
