import { describe, expect, test } from '@jest/globals';
import { fitColumns } from '../../../cli/output/fit-columns.js';
import { countOf, displayWidth, harmless, oneLine, shortened } from '../../../cli/output/text.js';
import { duration, inZone, relative } from '../../../cli/output/times.js';

describe('durations and times', () => {
  test.each([
    [0, '0ms'],
    [340.4, '340ms'],
    [1_500, '1.5s'],
    [9_960, '10s'],
    [12_400, '12s'],
    [59_600, '1m'],
    [200_000, '3m 20s'],
    [3_900_000, '1h 5m'],
    [7_200_000, '2h'],
    [4 * 86_400_000 + 2 * 3_600_000, '4d 2h'],
  ])('%d ms is %s', (milliseconds, text) => expect(duration(milliseconds)).toBe(text));

  const now = Date.parse('2030-01-31T09:00:00Z');
  test.each([
    ['2030-01-31T09:00:00.400Z', 'now'],
    ['2030-01-31T08:59:55Z', '5s ago'],
    ['2030-01-31T08:01:00Z', '59m ago'],
    ['2030-01-28T08:00:00Z', '3d ago'],
    ['2030-01-31T11:00:00Z', 'in 2h'],
    [null, '-'],
  ])('%s is %s', (time, text) => expect(relative(time, now)).toBe(text));
});

test('a time by the clocks of a zone, whatever this machine thinks', () => {
  expect(inZone('2030-01-31T23:30:00Z', 'Europe/Berlin')).toMatch(/^Fri 2030-02-01 00:30:00 GMT\+1 \(/);
  expect(inZone('2030-07-01T00:00:05Z', 'UTC')).toMatch(/^Mon 2030-07-01 00:00:05 GMT\S* \(/);
});

describe('texts', () => {
  test('what commands a terminal is made harmless; lines stay', () => {
    expect(harmless('a\u001b[31mb\u0007c\u202ed\ne\tf')).toBe('a\ufffd[31mb\ufffdc\ufffdd\ne\tf');
    expect(oneLine('  a\n\tb\r\n c ')).toBe('a b c');
  });

  test('are cut to the columns they take, wide characters too', () => {
    expect(displayWidth('日本')).toBe(4);
    expect(shortened('abcdef', 6)).toBe('abcdef');
    expect(shortened('abcdefg', 6)).toBe('abcde…');
    expect(shortened('日本語', 4)).toBe('日…');
  });

  test('count', () => {
    expect([countOf(1, 'job'), countOf(1_234_567, 'job')]).toEqual(['1 job', '1,234,567 jobs']);
  });
});

describe('columns that are to fit', () => {
  const column = (natural: number, isFlexible = false, least = Math.min(natural, 6)) => ({
    natural,
    least,
    isFlexible,
  });

  test('stay as they are where there is room', () => {
    expect(fitColumns([column(5), column(40, true)], 60)).toEqual([5, 40]);
    expect(fitColumns([column(5), column(4_000, true)], Infinity)).toEqual([5, 4_000]);
  });

  test('give where they are flexible, the widest most', () => {
    expect(fitColumns([column(10), column(20, true), column(60, true)], 60)).toEqual([10, 20, 30]);
    expect(fitColumns([column(10), column(30, true), column(60, true)], 40)).toEqual([10, 15, 15]);
  });

  test('give all of them where that is not enough, but none below its least', () => {
    expect(fitColumns([column(9, false, 9), column(20), column(60, true)], 30)).toEqual([9, 15, 6]);
    expect(fitColumns([column(9, false, 9), column(20), column(60, true)], 5)).toEqual([9, 6, 6]);
  });
});
