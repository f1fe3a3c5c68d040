import { describe, expect, test } from '@jest/globals';
import { checkSubmitOptions } from '../../shared/jobs/check-submit-options.js';
import { HoldfastError } from '../../shared/errors.js';

const refusal = (options: object): HoldfastError => {
  try {
    checkSubmitOptions(options);
  } catch (error) {
    if (error instanceof HoldfastError) return error;
    throw error;
  }
  throw new Error(`accepted: ${JSON.stringify(options)}`);
};

describe('options of a submit that no job can have', () => {
  test.each<[object, string, string]>([
    [{ queue: 'BAD NAME' }, 'queue', 'must match [a-z0-9][a-z0-9_.-]{0,62}'],
    [{ queue: 5 }, 'queue', 'must match [a-z0-9][a-z0-9_.-]{0,62}'],
    [{ priority: 500 }, 'priority', 'must be a whole number from 0 to 100'],
    [{ priority: NaN }, 'priority', 'must be a whole number from 0 to 100'],
    [{ priority: null }, 'priority', 'must be a whole number from 0 to 100'],
    [{ maxRetries: 1.5 }, 'maxRetries', 'must be a whole number from 0 to 1000'],
    [{ maxRetries: Infinity }, 'maxRetries', 'must be a whole number from 0 to 1000'],
    [{ timeoutMs: 0 }, 'timeoutMs', 'must be a whole number from 1 to 2147483647'],
    [{ scheduledAt: new Date(NaN) }, 'scheduledAt', 'must be a Date, and a valid one'],
    [{ scheduledAt: 'x' }, 'scheduledAt', 'must be a Date, and a valid one'],
    [{ scheduledAt: new Date(-1) }, 'scheduledAt', 'must be a time from the years 1970 to 9999'],
    [{ scheduledAt: new Date(8.64e15) }, 'scheduledAt', 'must be a time from the years 1970 to 9999'],
    [{ delayMs: -5 }, 'delayMs', 'must be a number from 0 to 315360000000'],
    [{ delayMs: '5' }, 'delayMs', 'must be a number from 0 to 315360000000'],
    [{ dependsOn: 999 }, 'dependsOn', 'must be an array of {jobId, onFailure}'],
    [{ dependsOn: [999] }, 'dependsOn.0.jobId', 'must be a whole number from 1 to 9007199254740991'],
    [{ dependsOn: [null] }, 'dependsOn.0.jobId', 'must be a whole number from 1 to 9007199254740991'],
    [
      { dependsOn: [{ jobId: 1 }, { jobId: 2, onFailure: 'wait' }] },
      'dependsOn.1.onFailure',
      'must be one of block, cancel, run',
    ],
    [{ metadata: ['a'] }, 'metadata', 'must be an object'],
    [{ tags: 'a' }, 'tags', 'must be an array of at most 20 texts'],
    [{ tags: ['a', ''] }, 'tags.1', 'must be a text of 1 to 64 characters'],
    [{ createdBy: 'a\0b' }, 'createdBy', 'must not contain U+0000 or half of a surrogate pair'],
    [{ uniqueKey: '' }, 'uniqueKey', 'must be a text of 1 to 255 characters'],
    [
      { uniqueKey: 'k', uniquePolicy: 'x' },
      'uniquePolicy',
      'must be one of return_existing, replace_payload',
    ],
    [{ uniquePolicy: 'return_existing' }, 'uniquePolicy', 'must be given together with uniqueKey'],
    [{ idempotencyKey: 'k'.repeat(256) }, 'idempotencyKey', 'must be a text of 1 to 255 characters'],
    [{ scheduledAt: new Date(), delayMs: 1 }, 'delayMs', 'must not be given together with scheduledAt'],
  ])('%j: %s %s', (options, field, problem) => {
    const { code, message, details } = refusal(options);
    expect({ code, message, details }).toEqual({
      code: 'validation_failed',
      message: `${field}: ${problem}`,
      details: [{ field, problem }],
    });
  });

  test('are all told at once; of very many the first hundred', () => {
    const { message, details } = refusal({ priority: -1, timeoutMs: 0, dependsOn: Array(1_000).fill(7) });
    expect(message).toBe('priority: must be a whole number from 0 to 100 (and 1001 more)');
    expect(details).toHaveLength(100);
    expect(details.slice(0, 3).map(({ field }) => field)).toEqual([
      'priority',
      'timeoutMs',
      'dependsOn.0.jobId',
    ]);
  });
});

test('options that a job can have are taken, at their bounds and where they are left open', () => {
  const options = [
    {},
    { queue: undefined, scheduledAt: undefined, dependsOn: undefined },
    { priority: 0, maxRetries: 0, timeoutMs: 1, delayMs: 0.5, tags: [], dependsOn: [] },
    { priority: 100, maxRetries: 1_000, timeoutMs: 2_147_483_647, delayMs: 315_360_000_000 },
    {
      scheduledAt: new Date(0),
      metadata: {},
      createdBy: 'ü',
      uniqueKey: 'k',
      uniquePolicy: 'return_existing',
    },
    { dependsOn: [{ jobId: 1 }, { jobId: 2, onFailure: 'run' }] },
  ] as const;
  for (const one of options) expect(() => checkSubmitOptions(one)).not.toThrow();
});
