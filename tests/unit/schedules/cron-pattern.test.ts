import { describe, expect, test } from '@jest/globals';
import { Cron } from 'croner';
import fc from 'fast-check';
import { cronPattern } from '../../../shared/schedules/cron-pattern.js';

const field = (...texts: string[]) => fc.constantFrom(...texts);
const expression = fc
  .tuple(
    field('0', '*', '*/15', '7,59', '10-20/5'),
    field('0', '*', '*/20', '59', '5-9', '1,2,58'),
    field('0', '*', '*/6', '23', '9-17', '2,22', '?'),
    field('*', '1', '31', 'L', '15W', '*/10', '1,15', '?', '29'),
    field('*', '2', 'FEB', '*/3', '6-8', '12'),
    field('*', '0', '7', 'MON-FRI', '5#L', 'TUE#2', '+MON', '?', '1,3'),
  )
  .map((fields) => fields.join(' '));

describe('a pattern', () => {
  test('says what croner says, whatever the fields and the moment', () => {
    const instant = fc.integer({ min: Date.UTC(1970, 0), max: Date.UTC(2050, 0) });
    fc.assert(
      fc.property(expression, instant, (text, at) => {
        const expected = new Cron(text, { utcOffset: 0, paused: true }).nextRun(new Date(at));
        expect(cronPattern(text).nextAfter(at)).toBe(expected?.getTime() ?? null);
      }),
      { numRuns: 3_000 },
    );
  });

  test.each([
    ['@yearly', '0 0 1 1 *'],
    ['@annually', '0 0 1 1 *'],
    ['@monthly', '0 0 1 * *'],
    ['@weekly', '0 0 * * 0'],
    ['@daily', '0 0 * * *'],
    ['@Midnight', '0 0 * * *'],
    [' @hourly ', '0 * * * *'],
    ['  5  4 * *  * ', '0 5 4 * * *'],
  ])('%s is %s', (name, text) => {
    for (const at of [0, Date.UTC(2026, 5, 7, 8, 9, 10)])
      expect(cronPattern(name).nextAfter(at)).toBe(cronPattern(text).nextAfter(at));
  });

  test('of every hour is told from one of some hours', () => {
    const ofEveryHour = ['* * * * *', '5 ? * * *', '@hourly', '0 0-23 * * *', '0 */1 * * 1', '1 2 * 4 5 *'];
    const ofSome = ['0 1 * * *', '0 */2 * * *', '* 1-23 * * *', '@daily', '* * 3 * * *'];
    expect(ofEveryHour.map((text) => cronPattern(text).runsEveryHour)).toEqual(ofEveryHour.map(() => true));
    expect(ofSome.map((text) => cronPattern(text).runsEveryHour)).toEqual(ofSome.map(() => false));
  });

  test('takes little memory and time, however many expressions there are', () => {
    const patterns = [];
    const before = process.memoryUsage().heapUsed;
    const startedAt = performance.now();
    for (let n = 0; n < 10_000; n++) {
      const pattern = cronPattern(
        `${n % 60} ${Math.floor(n / 60) % 60} ${Math.floor(n / 3_600)} * * ${n % 7}`,
      );
      pattern.nextAfter(n * 1_000_000);
      patterns.push(pattern);
    }
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    expect((process.memoryUsage().heapUsed - before) / patterns.length).toBeLessThan(8_192);
  });
});
