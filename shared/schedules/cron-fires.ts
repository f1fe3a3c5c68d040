import type { CronPattern } from './cron-pattern.js';
import { DAY_MS, type TimeZone, type WallTime } from './time-zone.js';

/**
 * The first fire after an instant; null: there is none.
 *
 * Across daylight-saving changes every local time fires once: one that clocks leap over fires when they leap, together with
 * whatever else is due at that moment; one that comes twice fires at the first. Only a pattern of every hour, which means a
 * rhythm, goes on in the repeated hour, or it would fall silent for an hour more than it says.
 */
export function nextCronFire(pattern: CronPattern, zone: TimeZone, after: number): number | null {
  const once = nextOnce(pattern, zone, after);
  if (!pattern.runsEveryHour) return once;
  const again = nextRepeated(pattern, zone, after);
  if (once === null || again === null) return once ?? again;
  return Math.min(once, again);
}

/** Local times in order, each at its first instant. */
function nextOnce(pattern: CronPattern, zone: TimeZone, after: number): number | null {
  let wallTime = pattern.nextAfter(latestShownBy(zone, after));
  while (wallTime !== null) {
    const instant = zone.firstInstantOf(wallTime);
    if (instant > after) return instant;
    wallTime = pattern.nextAfter(wallTime);
  }
  return null;
}

/** The latest time that clocks have shown: in a repeated hour, what they showed before they were set back. */
function latestShownBy(zone: TimeZone, instant: number): WallTime {
  const present = zone.wallTimeAt(instant);
  const formerOffset = zone.offsetAt(instant - DAY_MS);
  if (formerOffset <= present - instant) return present;
  const setBackAt = zone.changeBetween(instant - DAY_MS, instant);
  return Math.max(present, setBackAt + formerOffset - 1);
}

/** The next time that clocks show again, having been set back: shortly before `after`, or shortly after it. */
function nextRepeated(pattern: CronPattern, zone: TimeZone, after: number): number | null {
  const offset = zone.offsetAt(after);
  let from = zone.wallTimeAt(after);
  let offsetThen = offset;
  if (zone.offsetAt(after - DAY_MS) <= offset) {
    offsetThen = zone.offsetAt(after + DAY_MS);
    if (offsetThen >= offset) return null;
    // At the very moment of the change a time may be due.
    from = zone.changeBetween(after, after + DAY_MS) + offsetThen - 1;
  }
  const wallTime = pattern.nextAfter(from);
  return wallTime === null ? null : wallTime - offsetThen;
}
