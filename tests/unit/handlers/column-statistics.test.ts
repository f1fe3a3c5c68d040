import { describe, expect, test } from '@jest/globals';
import { ColumnStatistics } from '../../../workers/handlers/column-statistics.js';

const summaryOf = (...cells: (string | undefined)[]) => {
  const column = new ColumnStatistics('c');
  for (const cell of cells) column.add(cell);
  return column.summary();
};

describe('ColumnStatistics', () => {
  test('sums up numbers', () => {
    expect(summaryOf('2', '4', '4', '4', '5', '5', '7', '9')).toMatchObject({
      type: 'integer',
      count: 8,
      min: 2,
      max: 9,
      mean: 5,
      stddev: expect.closeTo(2.13809, 5) as unknown,
      distinct: 5,
      distinct_is_exact: true,
      top_values: [
        { value: '4', count: 3 },
        { value: '5', count: 2 },
        { value: '2', count: 1 },
        { value: '7', count: 1 },
        { value: '9', count: 1 },
      ],
    });
  });

  test('keeps the deviation exact where values are large and close together', () => {
    expect(summaryOf('1000000004', '1000000007', '1000000013', '1000000016').stddev).toBeCloseTo(5.477226, 5);
  });

  test('counts gaps, spaces and absent cells as missing', () => {
    expect(summaryOf('', '  ', undefined, 'a')).toMatchObject({ count: 1, missing: 3, type: 'string' });
  });

  test('says of an empty column that it is empty', () => {
    expect(summaryOf('', '')).toMatchObject({
      type: 'empty',
      count: 0,
      min: null,
      max: null,
      mean: null,
      distinct: 0,
    });
  });

  test('takes zip codes for strings and does no arithmetic on them', () => {
    expect(summaryOf('10001', '00501', '99950')).toMatchObject({
      type: 'string',
      min: '00501',
      max: '99950',
      mean: null,
    });
  });

  test('says what a mixed column is made of and sums up its numbers', () => {
    expect(summaryOf('1', '3', 'n/a', '2024-01-01')).toMatchObject({
      type: 'mixed',
      kinds: { integer: 2, string: 1, date: 1 },
      min: 1,
      max: 3,
      mean: 2,
      numeric_count: 2,
    });
  });

  test('orders dates by time, not by how they are written', () => {
    expect(summaryOf('2024-05-01T23:00:00-05:00', '2024-05-02', '2024/04/30')).toMatchObject({
      type: 'date',
      min: '2024-04-30',
      max: '2024-05-02T04:00:00.000Z',
    });
  });

  test('shortens long values without breaking a character, and knows their length', () => {
    const summary = summaryOf('😀'.repeat(500));
    expect(summary.longest_length).toBe(1_000);
    expect(summary.top_values[0]?.value.length).toBeLessThanOrEqual(200);
    expect(JSON.stringify(summary)).not.toMatch(/\\u[dD][89abAB]/);
  });

  test('replaces NUL, which PostgreSQL does not store', () => {
    expect(summaryOf('a\0b')).toMatchObject({
      min: 'a\uFFFDb',
      top_values: [{ value: 'a\uFFFDb', count: 1 }],
    });
  });

  test('gives no infinity, which JSON cannot hold', () => {
    expect(summaryOf('1e308', '-1e308', '1e308').stddev).toBeNull();
  });
});
