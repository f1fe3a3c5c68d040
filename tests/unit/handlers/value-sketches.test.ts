import { describe, expect, test } from '@jest/globals';
import { DistinctCounter, FrequentValues, hash53 } from '../../../workers/handlers/value-sketches.js';

const countDistinct = (cap: number, values: Iterable<string>): DistinctCounter => {
  const counter = new DistinctCounter(cap);
  for (const value of values) counter.add(hash53(value));
  return counter;
};

const numbered = (count: number) => Array.from({ length: count }, (_, index) => `value ${index}`);

describe('DistinctCounter', () => {
  test('is exact up to its cap, however often values come', () => {
    const counter = countDistinct(100, [...numbered(100), ...numbered(100)]);
    expect([counter.count, counter.isExact]).toEqual([100, true]);
  });

  test.each([150, 5_000, 12_000, 50_000, 300_000])('estimates %d values within 6 %% and says so', (count) => {
    const counter = countDistinct(100, numbered(count));
    expect(counter.isExact).toBe(false);
    expect(Math.abs(counter.count - count) / count).toBeLessThan(0.06);
  });

  test('forgets nothing when it turns from counting to estimating', () => {
    const counter = countDistinct(1_000, numbered(1_001));
    expect(Math.abs(counter.count - 1_001)).toBeLessThan(60);
  });
});

describe('FrequentValues', () => {
  const fill = (capacity: number, values: Iterable<string>): FrequentValues => {
    const frequent = new FrequentValues(capacity);
    for (const value of values) frequent.add(hash53(value), () => value);
    return frequent;
  };

  test('is exact while there are counters for all values', () => {
    const frequent = fill(3, ['a', 'b', 'a', 'c', 'a', 'b']);
    expect(frequent.maxUndercount).toBe(0);
    expect(frequent.top(2)).toEqual([
      { value: 'a', count: 3 },
      { value: 'b', count: 2 },
    ]);
  });

  test('finds a frequent value among endless rare ones and bounds the error', () => {
    const values = numbered(10_000).flatMap((value, index) => (index % 4 === 0 ? [value, 'often'] : [value]));
    const frequent = fill(50, values);
    const [top, ...others] = frequent.top(10);
    expect(others).toEqual([]);
    expect(top?.value).toBe('often');
    expect(top?.count).toBeLessThanOrEqual(2_500);
    expect((top?.count ?? 0) + frequent.maxUndercount).toBeGreaterThanOrEqual(2_500);
  });

  test('names no top value where all are equally rare', () => {
    expect(fill(50, numbered(10_000)).top(10)).toEqual([]);
  });
});
