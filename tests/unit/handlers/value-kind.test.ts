import { describe, expect, test } from '@jest/globals';
import { columnType, valueKind, type ValueKind } from '../../../workers/handlers/value-kind.js';

const typeOf = (...values: string[]) => {
  const counts: Record<ValueKind, number> = {
    integer: 0,
    number: 0,
    boolean: 0,
    date: 0,
    code: 0,
    string: 0,
  };
  for (const value of values) counts[valueKind(value)] += 1;
  return columnType(counts);
};

describe('the kind of a value', () => {
  test.each<[ValueKind, string[]]>([
    ['integer', ['0', '-7', '10001', '9007199254740991']],
    ['number', ['1.5', '-0.25', '.5', '1e6', '40.922326']],
    ['code', ['00501', '007', '-007', '12345678901234567890']],
    ['boolean', ['true', 'FALSE', 'yes', 'No']],
    ['date', ['2024-02-29', '2024/12/31', '2024-05-01T10:30:00Z', '2024-05-01 10:30:00.5+02:00']],
    [
      'string',
      ['2023-02-29', '2024-13-01', '1,234', '+49123', '1e999', '12E', '0x1f', 'NaN', '03/04/2025', '1.', '-'],
    ],
  ])('%s', (kind, values) => {
    expect(values.map((value) => [value, valueKind(value)])).toEqual(values.map((value) => [value, kind]));
  });
});

describe('the type of a column', () => {
  test('without values it is empty', () => expect(typeOf()).toBe('empty'));
  test('integers among decimals are numbers', () => expect(typeOf('1', '1.5')).toBe('number'));
  test('one leading zero makes strings of all digits in the column', () => {
    expect(typeOf('10001', '00501', '99950')).toBe('string');
  });
  test('digits too long for a number are strings', () => {
    expect(typeOf('12345678901234567890', '1')).toBe('string');
  });
  test('numbers among words are mixed', () => expect(typeOf('1', 'one')).toBe('mixed'));
  test('dates among numbers are mixed', () => expect(typeOf('2024-01-01', '7')).toBe('mixed'));
  test('yes among other words is a word', () => expect(typeOf('yes', 'maybe')).toBe('string'));
  test('truth values alone are boolean', () => expect(typeOf('yes', 'no', 'TRUE')).toBe('boolean'));
});
