import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decideFires, MOST_COUNTED, type MisfirePolicy } from '../../../shared/schedules/decide-fires.js';
import { nextFires, readRule, type NextFire } from '../../../shared/schedules/next-fire.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const noon = Date.UTC(2026, 0, 1, 12);

const every = (intervalMs: number): NextFire =>
  readRule({
    cron_expression: null,
    interval_ms: intervalMs,
    timezone: 'UTC',
    starts_at: new Date(0),
    ends_at: null,
    created_at: new Date(0),
  });
const cron = (expression: string): NextFire =>
  readRule({
    cron_expression: expression,
    interval_ms: null,
    timezone: 'UTC',
    starts_at: null,
    ends_at: null,
    created_at: new Date(0),
  });
const decide = (next: NextFire, dueAt: number, now: number, misfirePolicy: MisfirePolicy, maxCatchUp = 100) =>
  decideFires(next, { dueAt, now, misfirePolicy, maxCatchUp });

describe('fires that are merely late', () => {
  test.each(['skip', 'fire_once', 'catch_up'] as const)('all get their job, with %s too', (policy) => {
    const decision = decide(every(10 * SECOND), noon, noon + 25 * SECOND, policy, 1);
    expect(decision).toEqual({
      fires: [noon, noon + 10 * SECOND, noon + 20 * SECOND],
      misfire: null,
      next: noon + 30 * SECOND,
    });
  });
});

describe('after an hour without a coordinator', () => {
  const back = noon + HOUR + 5 * MINUTE + 40 * SECOND;

  test('skip leaves out what was missed', () => {
    expect(decide(every(10 * MINUTE), noon, back, 'skip')).toEqual({
      fires: [],
      misfire: { from: noon, until: noon + HOUR, missed: 7 },
      next: noon + HOUR + 10 * MINUTE,
    });
  });

  test('skip fires the latest when that is merely late', () => {
    expect(decide(every(10 * MINUTE), noon, noon + HOUR + SECOND, 'skip')).toMatchObject({
      fires: [noon + HOUR],
      misfire: { from: noon, until: noon + 50 * MINUTE, missed: 6 },
    });
  });

  test('fire_once fires for the latest time', () => {
    expect(decide(every(10 * MINUTE), noon, back, 'fire_once')).toMatchObject({
      fires: [noon + HOUR],
      misfire: { from: noon, until: noon + 50 * MINUTE, missed: 6 },
    });
  });

  test('fire_once with nothing but one fire missed leaves no misfire', () => {
    expect(decide(every(24 * HOUR), noon, back, 'fire_once')).toMatchObject({ fires: [noon], misfire: null });
  });

  test('catch_up fires all, or the latest of them', () => {
    expect(decide(every(10 * MINUTE), noon, back, 'catch_up')).toMatchObject({
      fires: [0, 10, 20, 30, 40, 50, 60].map((minutes) => noon + minutes * MINUTE),
      misfire: null,
    });
    expect(decide(every(10 * MINUTE), noon, back, 'catch_up', 2)).toMatchObject({
      fires: [noon + 50 * MINUTE, noon + HOUR],
      misfire: { from: noon, until: noon + 40 * MINUTE, missed: 5 },
    });
  });
});

test('after a month, every second of it is answered for, without a walk through all of them', () => {
  const now = noon + 30 * 24 * HOUR;
  const startedAt = performance.now();
  const decision = decide(cron('* * * * * *'), noon, now, 'catch_up', 1_000);
  expect(performance.now() - startedAt).toBeLessThan(5_000);
  expect(decision.fires).toHaveLength(1_000);
  expect(decision.fires.at(-1)).toBe(now);
  expect(decision.misfire).toEqual({ from: noon, until: now - 1_000 * SECOND, missed: MOST_COUNTED });
  expect(decision.next).toBe(now + SECOND);
});

test('whatever the rule, the outage and the policy, each fire time is fired or misfired, and none comes back', () => {
  const rule = fc.oneof(
    fc.integer({ min: SECOND, max: HOUR }).map(every),
    fc.constantFrom('*/3 * * * *', '7 */2 * * *', '*/20 * * * * *', '0 12 * * 1').map(cron),
  );
  const policy = fc.constantFrom<MisfirePolicy>('skip', 'fire_once', 'catch_up');
  fc.assert(
    fc.property(
      rule,
      policy,
      fc.integer({ min: 1, max: 1_000 }),
      fc.nat({ max: 12 * HOUR }),
      (next, chosen, most, awayMs) => {
        const dueAt = next(noon) as number;
        const now = dueAt + awayMs;
        const { fires, misfire, next: following } = decide(next, dueAt, now, chosen, most);
        const due: number[] = [];
        for (let at = dueAt; at <= now; at = next(at) as number) due.push(at);
        const missed = due.slice(0, due.length - fires.length);
        expect(fires).toEqual(due.slice(missed.length));
        expect(misfire).toEqual(
          missed.length === 0
            ? null
            : { from: missed[0], until: missed.at(-1), missed: Math.min(missed.length, MOST_COUNTED) },
        );
        expect(following).toBe(next(now));
        if (chosen === 'catch_up') expect(fires.length).toBeGreaterThanOrEqual(Math.min(most, due.length));
        if (chosen === 'fire_once') expect(fires.length).toBeGreaterThanOrEqual(1);
      },
    ),
    { numRuns: 200 },
  );
});

describe('a rule', () => {
  const base = {
    cron_expression: null,
    interval_ms: HOUR,
    timezone: 'UTC',
    ends_at: null,
    created_at: new Date(noon),
  };

  test('of an interval counts from its start, and that is its first fire', () => {
    const next = readRule({ ...base, starts_at: new Date(noon + 7 * MINUTE) });
    expect(next(noon)).toBe(noon + 7 * MINUTE);
    expect(next(noon + 5 * HOUR)).toBe(noon + 5 * HOUR + 7 * MINUTE);
  });

  test('of an interval without a start counts from its creation', () => {
    const next = readRule({ ...base, starts_at: null });
    expect(next(noon - HOUR)).toBe(noon + HOUR);
    expect(next(noon + HOUR)).toBe(noon + 2 * HOUR);
  });

  test('ends with the fire at its end', () => {
    const next = readRule({ ...base, starts_at: null, ends_at: new Date(noon + 2 * HOUR) });
    expect(nextFires(next, noon, 9)).toEqual([new Date(noon + HOUR), new Date(noon + 2 * HOUR)]);
  });

  test('of cron starts with a fire at its very start', () => {
    const starts_at = new Date(noon + HOUR);
    const next = readRule({ ...base, interval_ms: null, cron_expression: '0 * * * *', starts_at });
    expect(next(noon)).toBe(noon + HOUR);
  });
});
