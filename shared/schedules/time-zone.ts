import { recentFew } from './recent-few.js';

/** What clocks show somewhere, written as the milliseconds of a UTC clock that shows the same. */
export type WallTime = number;

/** An IANA time zone. Instants are milliseconds since 1970. */
export interface TimeZone {
  /** How far its clocks are ahead of UTC at an instant, in milliseconds. */
  offsetAt(instant: number): number;
  wallTimeAt(instant: number): WallTime;
  /** When its clocks first show this time, or, of a time that they leap over, when they leap. */
  firstInstantOf(wallTime: WallTime): number;
  /** The first instant after `from`, and at most `until`, at which its clocks have another offset than at `from`. */
  changeBetween(from: number, until: number): number;
}

/** No zone has changed its clocks twice within so long. Longer than any offset, and than any change. */
export const DAY_MS = 86_400_000;

/** All there are, but for those whose names somebody writes in small letters and large ones. */
const MOST_ZONES = 500;

/** @throws RangeError when there is no such zone */
export const timeZone: (name: string) => TimeZone = recentFew(MOST_ZONES, createZone);

/** Names only: an offset has no daylight-saving time, and `Etc/GMT+5` says so. */
const NAME = /^[A-Za-z][A-Za-z0-9_+/-]*$/;

function createZone(name: string): TimeZone {
  if (!NAME.test(name)) throw new RangeError(`"${name}" is no IANA time zone`);
  const format = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' });
  const offsetAt = (instant: number) => parseOffset(format.format(instant));

  function changeBetween(from: number, until: number): number {
    const before = offsetAt(from);
    let [same, other] = [from, until];
    while (other - same > 1) {
      const middle = Math.floor((same + other) / 2);
      if (offsetAt(middle) === before) same = middle;
      else other = middle;
    }
    return other;
  }

  function firstInstantOf(wallTime: WallTime): number {
    const before = offsetAt(wallTime - DAY_MS);
    const after = offsetAt(wallTime + DAY_MS);
    // Of a time that comes twice the first is the one by the offset from before the change.
    if (offsetAt(wallTime - before) === before) return wallTime - before;
    if (offsetAt(wallTime - after) === after) return wallTime - after;
    return changeBetween(wallTime - DAY_MS, wallTime + DAY_MS);
  }

  return { offsetAt, wallTimeAt: (instant) => instant + offsetAt(instant), firstInstantOf, changeBetween };
}

const OFFSET = /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/;

/** Such as `3/29/2026, GMT+01:00`; only `GMT` where it is none. */
function parseOffset(text: string): number {
  const [, sign, hours, minutes, seconds = '0'] = OFFSET.exec(text) ?? [];
  if (sign === undefined) return 0;
  const size = (Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds)) * 1_000;
  return sign === '-' ? -size : size;
}
