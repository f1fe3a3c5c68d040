import { afterAll, expect, test } from '@jest/globals';
import { readRule } from '../../../shared/schedules/next-fire.js';
import { createTestInstallation } from '../../support/test-installation.js';

const db = await createTestInstallation({ redis: false });
afterAll(() => db.close());

/** Changes by an hour and by half an hour, at midnight, twice around Ramadan, in the south, by quarters, and none at all. */
const ZONES = [
  'America/New_York',
  'Europe/Berlin',
  'Australia/Lord_Howe',
  'Asia/Kolkata',
  'America/St_Johns',
  'Africa/Casablanca',
  'America/Santiago',
  'Pacific/Chatham',
  'Asia/Beirut',
  'Africa/Cairo',
  'America/Havana',
  'Asia/Tehran',
] as const;

/** Times of the day, and the expression that says the same. */
const PATTERNS: readonly (readonly [expression: string, times: readonly string[]])[] = [
  ['30 2 * * *', ['02:30']],
  ['0 0 * * *', ['00:00']],
  [
    '0,15,45 0-3 * * *',
    ['00', '01', '02', '03'].flatMap((hour) => ['00', '15', '45'].map((minute) => `${hour}:${minute}`)),
  ],
  ['59 23 * * *', ['23:59']],
  ['0 */30 1,12 * * *', ['01:00', '01:30', '12:00', '12:30']],
];

const [FROM, UNTIL] = ['2026-01-01T00:00:00Z', '2027-01-01T00:00:00Z'];

/**
 * Without a rule about offsets: PostgreSQL says of every minute what clocks showed. A local time fires in the first minute in
 * which they showed it, or had just leapt over it.
 */
const FIRES = `
  WITH shown AS (
    SELECT at, at AT TIME ZONE $1 AS local
      FROM generate_series($2::timestamptz - interval '2 days', $3::timestamptz - interval '1 minute', interval '1 minute') AS at
  ), furthest AS (
    SELECT at, local, max(local) OVER (ORDER BY at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM shown
  )
  SELECT at, to_char(reached, 'HH24:MI') AS time
    FROM furthest, generate_series(before + interval '1 minute', local, interval '1 minute') AS reached
   WHERE at >= $2::timestamptz AND reached::time = ANY ($4::time[]) ORDER BY at`;

const ruleOf = (expression: string, zone: string) =>
  readRule({
    cron_expression: expression,
    interval_ms: null,
    timezone: zone,
    starts_at: new Date(FROM),
    ends_at: new Date(Date.parse(UNTIL) - 1),
    created_at: new Date(FROM),
  });

function firesOf(expression: string, zone: string): number[] {
  const next = ruleOf(expression, zone);
  const fires: number[] = [];
  for (let at = next(0); at !== null; at = next(at)) fires.push(at);
  return fires;
}

test.each(ZONES)(
  'over a year in %s every local time fires once, as PostgreSQL knows the clocks there',
  async (zone) => {
    const allTimes = [...new Set(PATTERNS.flatMap(([, times]) => times))];
    const reached = await db.sql<{ at: Date; time: string }>(FIRES, [zone, FROM, UNTIL, allTimes]);
    for (const [expression, times] of PATTERNS) {
      const expected = reached.filter(({ time }) => times.includes(time)).map(({ at }) => at.toISOString());
      const fires = firesOf(expression, zone).map((at) => new Date(at).toISOString());
      expect([expression, fires]).toEqual([expression, [...new Set(expected)]]);
      expect(fires.length).toBeGreaterThan(360 * times.length);
    }
  },
);

test.each(ZONES)(
  'over a year in %s a pattern of every hour never pauses for longer than it says',
  async (zone) => {
    const fires = firesOf('30 * * * *', zone);
    const shown = await db.sql<{ at: Date }>(
      `SELECT at FROM generate_series($2::timestamptz, $3::timestamptz - interval '1 minute', interval '1 minute') AS at
      WHERE date_part('minute', at AT TIME ZONE $1) = 30 ORDER BY at`,
      [zone, FROM, UNTIL],
    );
    const fired = new Set(fires);
    const missing = shown.filter(({ at }) => !fired.has(at.getTime()));
    expect(missing).toEqual([]);
    // Besides these, at most the moment at which clocks leap ahead.
    expect(fires.length - shown.length).toBeLessThanOrEqual(2);
    expect(Math.max(...fires.slice(1).map((at, index) => at - fires[index]!))).toBeLessThanOrEqual(3_600_000);
  },
);
