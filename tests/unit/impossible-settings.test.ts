import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import type { Installation } from '../../shared/installation.js';
import { defineJob } from '../../shared/jobs/define-job.js';
import { createWorker } from '../../workers/create-worker.js';

const installation = {} as Installation;
const mail = { type: 'mail', payload: z.object({}), run: () => undefined };
const create = (settings: object) => createWorker({ installation, jobs: [mail], ...settings });
const define = (changes: object) => defineJob({ ...mail, ...changes });

const SLOTS = 'must be a whole number from 1 to 10000';
const NAME = 'must match [a-z0-9][a-z0-9_.-]{0,62}';
const MS = 'to 2147483647';

describe('createWorker refuses', () => {
  test.each<[object, string]>([
    [{ concurrency: 0 }, `concurrency ${SLOTS} (it is 0)`],
    [{ concurrency: -3 }, `concurrency ${SLOTS} (it is -3)`],
    [{ concurrency: 2.5 }, `concurrency ${SLOTS} (it is 2.5)`],
    [{ concurrency: NaN }, `concurrency ${SLOTS} (it is NaN)`],
    [{ concurrency: '5' }, `concurrency ${SLOTS} (it is '5')`],
    [{ queues: ['ok', 'BAD NAME'] }, `a name in queues ${NAME} (it is 'BAD NAME')`],
    [{ queues: { BAD: 1 } }, `a name in queues ${NAME} (it is 'BAD')`],
    [{ queues: [] }, 'queues must name at least one queue (it is [])'],
    [{ queues: {} }, 'queues must name at least one queue (it is {})'],
    [{ queues: 'a' }, `queues must be an array of names, or an object with the slots of each (it is 'a')`],
    [{ queues: { default: 0 } }, `queues.default ${SLOTS} (it is 0)`],
    [{ pollIntervalMs: -1 }, `pollIntervalMs must be a whole number from 1 ${MS} (it is -1)`],
    [{ pollIntervalMs: NaN }, `pollIntervalMs must be a whole number from 1 ${MS} (it is NaN)`],
    [{ heartbeatIntervalMs: -1 }, `heartbeatIntervalMs must be a whole number from 1 ${MS} (it is -1)`],
    [{ deadAfterMs: 1e12 }, `deadAfterMs must be a whole number from 2 ${MS} (it is 1000000000000)`],
    [
      { shutdownTimeoutMs: Infinity },
      `shutdownTimeoutMs must be a whole number from 0 ${MS} (it is Infinity)`,
    ],
    [{ abortGraceMs: -1 }, `abortGraceMs must be a whole number from 0 ${MS} (it is -1)`],
    [{ maxUnsettled: 0 }, 'maxUnsettled must be a whole number from 1 to 1000000 (it is 0)'],
    [{ maxResultBytes: -1 }, 'maxResultBytes must be a whole number from 1 to 268435455 (it is -1)'],
    [{ isDeadLetterEnabled: 'no' }, `isDeadLetterEnabled must be true or false (it is 'no')`],
    [
      { retryPolicy: { multiplier: 0.5 } },
      'retryPolicy.multiplier must be a number from 1 to 100 (it is 0.5)',
    ],
    [{ jobs: undefined }, 'jobs must be an array of what defineJob makes (it is null)'],
    [
      { jobs: [{ ...mail, priority: 101 }] },
      'jobs.0.priority must be a whole number from 0 to 100 (it is 101)',
    ],
    [
      { concurrency: 0, queues: [] },
      `concurrency ${SLOTS} (it is 0); queues must name at least one queue (it is [])`,
    ],
  ])('%j', (settings, message) => {
    expect(() => create(settings)).toThrow(new TypeError(message));
  });

  test('nothing that is possible', () => {
    const possible = [
      {},
      { concurrency: undefined, queues: undefined },
      { concurrency: 10_000, queues: { a: 10_000, b: undefined } },
      { pollIntervalMs: 1, heartbeatIntervalMs: 1, deadAfterMs: 2, shutdownTimeoutMs: 0, abortGraceMs: 0 },
      { retryPolicy: { maxRetries: 0, baseDelayMs: 0, multiplier: 1.5, maxDelayMs: 0 } },
    ];
    for (const settings of possible) expect(() => create(settings)).not.toThrow();
  });
});

describe('defineJob refuses', () => {
  test.each<[object, string]>([
    [{ priority: 500 }, `job type 'mail': priority must be a whole number from 0 to 100 (it is 500)`],
    [{ timeoutMs: -1 }, `job type 'mail': timeoutMs must be a whole number from 1 ${MS} (it is -1)`],
    [{ queue: 'BAD' }, `job type 'mail': queue ${NAME} (it is 'BAD')`],
    [
      { retry: { maxRetries: -1 } },
      `job type 'mail': retry.maxRetries must be a whole number from 0 to 1000 (it is -1)`,
    ],
    [
      { retry: { baseDelayMs: NaN } },
      `job type 'mail': retry.baseDelayMs must be a whole number from 0 ${MS} (it is NaN)`,
    ],
    [{ retry: 3 }, `job type 'mail': retry must be an object (it is 3)`],
    [{ run: undefined }, `job type 'mail': run must be a function (it is null)`],
    [{ payload: undefined }, `job type 'mail': payload must be a zod schema (it is null)`],
    [{ payload: {} }, `job type 'mail': payload must be a zod schema (it is {})`],
    [{ type: '' }, `job type '': type must be a text of 1 to 100 characters (it is '')`],
    [{ type: undefined }, `job type undefined: type must be a text of 1 to 100 characters (it is null)`],
    [
      { priority: 500, queue: 'BAD' },
      `job type 'mail': priority must be a whole number from 0 to 100 (it is 500); queue ${NAME} (it is 'BAD')`,
    ],
  ])('%j', (changes, message) => {
    expect(() => define(changes)).toThrow(new TypeError(message));
  });

  test('nothing that is possible', () => {
    expect(() => define({ queue: 'a', priority: 0, timeoutMs: 1, retry: { maxRetries: 0 } })).not.toThrow();
  });
});
