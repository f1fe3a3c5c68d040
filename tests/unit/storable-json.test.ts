import { describe, expect, test } from '@jest/globals';
import { findProblem, isWithin } from '../../shared/jobs/storable-json.js';

const limit = { mostBytes: 100, advice: 'make it smaller' };

describe('isWithin counts bytes, not characters', () => {
  test.each([
    ['x'.repeat(100), true],
    ['x'.repeat(101), false],
    ['\u20ac'.repeat(33), true],
    ['\u20ac'.repeat(34), false],
    ['\u{1F600}'.repeat(25), true],
    ['\u{1F600}'.repeat(26), false],
    ['', true],
  ])('%s', (json, expected) => expect(isWithin(json, 100)).toBe(expected));
});

describe('findProblem', () => {
  test.each<[string, unknown]>([
    ['null', null],
    ['a text that only looks like an escape', 'a\\u0000b'],
    ['one with two backslashes', 'a\\\\ud800b'],
    ['a whole surrogate pair', '\u{1F600}'],
    ['a value that leaves out what JSON has no word for', { a: undefined, b: () => 1, c: NaN }],
    ['an exact fit', 'x'.repeat(98)],
  ])('finds none in %s', (_what, value) => expect(findProblem(value, limit)).toBeUndefined());

  test.each<[string, unknown, RegExp]>([
    ['U+0000', 'a\u0000b', /^has U\+0000/],
    ['U+0000 behind a backslash', 'a\\\u0000b', /^has U\+0000/],
    ['the first half of a pair', ['\ud83d'], /^has U\+0000 or half/],
    ['the second half of a pair, in a name', { '\ude00': 1 }, /^has U\+0000 or half/],
    ['undefined', undefined, /^has no form in JSON: it is a undefined$/],
    ['a symbol', Symbol('s'), /^has no form in JSON: it is a symbol$/],
    ['infinity', Infinity, /^has no form in JSON: it is Infinity$/],
    [
      'a byte too many',
      'x'.repeat(99),
      /^is 101 bytes of JSON, more than the limit of 100: make it smaller$/,
    ],
  ])('finds %s', (_what, value, problem) => expect(findProblem(value, limit)).toMatch(problem));
});
