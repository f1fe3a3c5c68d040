import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { nextCronFire } from '../../../shared/schedules/cron-fires.js';
import { cronPattern } from '../../../shared/schedules/cron-pattern.js';
import { timeZone } from '../../../shared/schedules/time-zone.js';

/** The fires between two instants, as ISO 8601 without milliseconds. */
function firesBetween(expression: string, zone: string, from: string, until: string): string[] {
  const found: string[] = [];
  let at: number | null = Date.parse(from) - 1;
  for (;;) {
    at = nextCronFire(cronPattern(expression), timeZone(zone), at);
    if (at === null || at >= Date.parse(until)) return found;
    found.push(new Date(at).toISOString().replace('.000Z', 'Z'));
  }
}

// New York, 2026: clocks leap from 02:00 to 03:00 on 8 March (07:00Z), and are set back from 02:00 to 01:00 on 1 November (06:00Z).
const inSpring = (expression: string) =>
  firesBetween(expression, 'America/New_York', '2026-03-08T05:00:00Z', '2026-03-08T09:00:00Z');
const inAutumn = (expression: string) =>
  firesBetween(expression, 'America/New_York', '2026-11-01T04:30:00Z', '2026-11-01T08:00:00Z');

describe('when clocks leap ahead', () => {
  test('a time that does not exist fires at the leap', () => {
    expect(inSpring('30 2 * * *')).toEqual(['2026-03-08T07:00:00Z']);
    expect(inSpring('0 30 2 * * *')).toEqual(['2026-03-08T07:00:00Z']);
  });

  test('also of a list, a range or steps, and several of them fire once', () => {
    expect(inSpring('30 1,2 * * *')).toEqual(['2026-03-08T06:30:00Z', '2026-03-08T07:00:00Z']);
    expect(inSpring('15,45 2-3 * * *')).toEqual([
      '2026-03-08T07:00:00Z',
      '2026-03-08T07:15:00Z',
      '2026-03-08T07:45:00Z',
    ]);
    expect(inSpring('0 */2 * * *')).toEqual(['05', '07', '08'].map((hour) => `2026-03-08T${hour}:00:00Z`));
  });

  test('a pattern of every hour goes on', () => {
    expect(inSpring('*/30 * * * *')).toEqual([
      '2026-03-08T05:00:00Z',
      '2026-03-08T05:30:00Z',
      '2026-03-08T06:00:00Z',
      '2026-03-08T06:30:00Z',
      '2026-03-08T07:00:00Z',
      '2026-03-08T07:30:00Z',
      '2026-03-08T08:00:00Z',
      '2026-03-08T08:30:00Z',
    ]);
  });
});

describe('when clocks are set back', () => {
  test('a time that comes twice fires at the first', () => {
    expect(inAutumn('30 1 * * *')).toEqual(['2026-11-01T05:30:00Z']);
    expect(inAutumn('0,30 1 * * *')).toEqual(['2026-11-01T05:00:00Z', '2026-11-01T05:30:00Z']);
    expect(inAutumn('30 0-2 * * *')).toEqual([
      '2026-11-01T04:30:00Z',
      '2026-11-01T05:30:00Z',
      '2026-11-01T07:30:00Z',
    ]);
  });

  test('a pattern of every hour keeps its rhythm through the repeated hour', () => {
    const rhythm = ['05:00', '05:20', '05:40', '06:00', '06:20', '06:40', '07:00', '07:20', '07:40'];
    expect(inAutumn('*/20 * * * *')).toEqual([
      '2026-11-01T04:40:00Z',
      ...rhythm.map((time) => `2026-11-01T${time}:00Z`),
    ]);
    expect(inAutumn('@hourly')).toEqual(['05', '06', '07'].map((hour) => `2026-11-01T${hour}:00:00Z`));
    expect(inAutumn('15 0-23 1 11 *')).toEqual(['05', '06', '07'].map((hour) => `2026-11-01T${hour}:15:00Z`));
  });

  test('by half an hour, only the times of that half hour come twice', () => {
    // Lord Howe Island, 5 April 2026: from 02:00 to 01:30, at 15:00Z of the day before.
    const around = ['2026-04-04T14:00:00Z', '2026-04-04T16:30:00Z'] as const;
    expect(firesBetween('45 1 * * *', 'Australia/Lord_Howe', ...around)).toEqual(['2026-04-04T14:45:00Z']);
    expect(firesBetween('45 * * * *', 'Australia/Lord_Howe', ...around)).toEqual([
      '2026-04-04T14:45:00Z',
      '2026-04-04T15:15:00Z',
      '2026-04-04T16:15:00Z',
    ]);
  });
});

test('a day that a country skipped fires at the beginning of the next one', () => {
  // Samoa had no 30 December 2011.
  expect(firesBetween('0 9 * * *', 'Pacific/Apia', '2011-12-29T12:00:00Z', '2011-12-31T12:00:00Z')).toEqual([
    '2011-12-29T19:00:00Z',
    '2011-12-30T10:00:00Z',
    '2011-12-30T19:00:00Z',
  ]);
});

describe('at any time, in any zone,', () => {
  const zones = Intl.supportedValuesOf('timeZone');
  const instant = fc.integer({ min: Date.UTC(2000, 0), max: Date.UTC(2037, 0) });
  const expression = fc.constantFrom(
    '*/7 * * * *',
    '30 2 * * *',
    '0 0 1 * *',
    '59 23 * * 0',
    '*/10 * * * * *',
    '@daily',
  );

  test('the next fire is later, and none lies in between', () => {
    fc.assert(
      fc.property(
        expression,
        fc.constantFrom(...zones),
        instant,
        fc.double({ min: 0, max: 1, noNaN: true }),
        (cron, zone, at, part) => {
          const next = nextCronFire(cronPattern(cron), timeZone(zone), at) as number;
          expect(next).toBeGreaterThan(at);
          const between = at + Math.floor((next - 1 - at) * part);
          expect(nextCronFire(cronPattern(cron), timeZone(zone), between)).toBe(next);
        },
      ),
      { numRuns: 3_000 },
    );
  });

  test('a rhythm of minutes is kept in real time, to the minute', () => {
    fc.assert(
      fc.property(fc.constantFrom(...zones), instant, (zone, at) => {
        const first = nextCronFire(cronPattern('* * * * *'), timeZone(zone), at) as number;
        expect(nextCronFire(cronPattern('* * * * *'), timeZone(zone), first)).toBe(first + 60_000);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('a cron expression', () => {
  test.each([
    ['61 * * * *', 'minute: 61'],
    ['* * *', 'five fields'],
    ['0 0 0 1 1 * 2030', 'five fields'],
    ['2030-01-01T00:00:00', 'five fields'],
    ['@reboot', '@reboot'],
    ['@fortnightly', '@fortnightly'],
    ['', 'five fields'],
    ['a b c d e', 'illegal'],
  ])('"%s" is refused: %s', (wrong, why) => {
    expect(() => cronPattern(wrong)).toThrow(why);
  });

  test('that never comes has no next fire', () => {
    expect(nextCronFire(cronPattern('0 0 30 2 *'), timeZone('UTC'), Date.UTC(2026, 0))).toBeNull();
  });
});

test.each(['Mars/Olympus', '', '+05:30', 'Europe/Berlin ', '../etc'])('"%s" is no time zone', (name) => {
  expect(() => timeZone(name)).toThrow(RangeError);
});
