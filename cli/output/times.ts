const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const UNITS = [
  [DAY, 'd'],
  [HOUR, 'h'],
  [MINUTE, 'm'],
  [SECOND, 's'],
] as const;

/** Milliseconds as people say them, in at most two units: 340ms, 2.5s, 3m 20s, 1h 5m, 4d 2h. */
export function duration(milliseconds: number): string {
  if (milliseconds < SECOND) return `${Math.round(milliseconds)}ms`;
  if (milliseconds < 10 * SECOND) return `${Number((milliseconds / SECOND).toFixed(1))}s`;
  const whole = Math.round(milliseconds / SECOND) * SECOND;
  const first = UNITS.findIndex(([size]) => whole >= size);
  const [size, name] = UNITS[first] ?? [SECOND, 's'];
  const next = UNITS[first + 1];
  const rest = next ? Math.floor((whole % size) / next[0]) : 0;
  return `${Math.floor(whole / size)}${name}${next && rest > 0 ? ` ${rest}${next[1]}` : ''}`;
}

/** Seen from now, by this machine's clock: `5s ago`, `in 3m`, `now`; `-` for no time. */
export function relative(time: string | null | undefined, now = Date.now()): string {
  if (!time) return '-';
  const distance = new Date(time).getTime() - now;
  // Clocks of two machines differ by as much.
  if (Math.abs(distance) < SECOND) return 'now';
  const [size, name] = UNITS.find(([unit]) => Math.abs(distance) >= unit) ?? [SECOND, 's'];
  const count = `${Math.floor(Math.abs(distance) / size)}${name}`;
  return distance < 0 ? `${count} ago` : `in ${count}`;
}

/** In this machine's time zone, and seen from now: `2030-01-31 09:00:00 (in 3d)`. */
export function exact(time: string | null | undefined): string {
  if (!time) return '-';
  return `${localTime(new Date(time))} (${relative(time)})`;
}

export function localTime(time: Date): string {
  const two = (part: number) => String(part).padStart(2, '0');
  const date = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join('-');
  return `${date} ${[time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':')}`;
}

/** As the clocks of a time zone show it, and seen from now: `Fri 2030-02-01 02:30:00 GMT+1 (in 3d)`. */
export function inZone(time: string, timeZone: string): string {
  const parts = new Intl.DateTimeFormat('en-GB', {
    ...{ timeZone, weekday: 'short', year: 'numeric', month: '2-digit', day: '2-digit' },
    ...{
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      hourCycle: 'h23',
      timeZoneName: 'shortOffset',
    },
  }).formatToParts(new Date(time));
  const part = (kind: string) => parts.find(({ type }) => type === kind)?.value ?? '';
  const date = [part('year'), part('month'), part('day')].join('-');
  const clock = [part('hour'), part('minute'), part('second')].join(':');
  return `${part('weekday')} ${date} ${clock} ${part('timeZoneName')} (${relative(time)})`;
}
