import { expect, test } from '@jest/globals';
import { z } from 'zod';
import { wordProblem } from '../../api/problem-words.js';

const problemOf = (schema: z.ZodType, value: unknown) =>
  schema.safeParse(value, { error: wordProblem }).error?.issues[0]?.message;

test.each<[string, z.ZodType, unknown, string]>([
  ['what is missing', z.string(), undefined, 'is required'],
  ['a choice that is missing', z.enum(['a', 'b']), undefined, 'is required'],
  ['a number for a text', z.string(), 7, 'must be a text'],
  ['a text for a number', z.int(), '7', 'must be a number'],
  ['a fraction', z.int(), 1.5, 'must be a whole number'],
  ['a text for a flag', z.boolean(), 'yes', 'must be true or false'],
  ['an array for an object', z.strictObject({}), [], 'must be a JSON object'],
  ['an object for an array', z.array(z.string()), {}, 'must be an array'],
  ['another choice', z.enum(['a', 'b']), 'c', 'must be one of a, b'],
  ['another constant', z.literal(true), false, 'must be true'],
  ['a text too long', z.string().max(3), 'four', 'must have at most 3 characters'],
  ['a text too short', z.string().min(1), '', 'must have at least 1 characters'],
  ['an array too long', z.array(z.int()).max(1), [1, 2], 'must have at most 1 items'],
  ['a number too large', z.int().max(9), 10, 'must be at most 9'],
  ['a number too small', z.int().min(1), 0, 'must be at least 1'],
  ['a number at an open end', z.number().lt(1), 1, 'must be less than 1'],
  ['a number beyond 2^53', z.int(), 2 ** 53, 'must be at most 9007199254740991'],
  ['another pattern', z.string().regex(/^a$/), 'b', 'must match /^a$/'],
  ['no address', z.url(), 'x', 'must be a valid url'],
  ['no multiple', z.number().multipleOf(5), 7, 'must be a multiple of 5'],
  ['none of several', z.union([z.string(), z.int()]), null, 'is not valid here'],
])('%s is said in words of ours', (_what, schema, value, words) => {
  expect(problemOf(schema, value)).toBe(words);
});

test('a schema’s own words go first', () => {
  expect(problemOf(z.int('must be a day'), 'x')).toBe('must be a day');
});
