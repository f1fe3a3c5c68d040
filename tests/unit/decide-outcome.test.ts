import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ClaimedJob } from '../../shared/jobs/claimed-job.js';
import { fingerprint } from '../../shared/jobs/dead-letter-jobs.js';
import { decideFailure, type AbortCause } from '../../shared/jobs/decide-outcome.js';
import {
  PermanentError,
  RetryAfterError,
  SnoozeError,
  TransientError,
} from '../../shared/jobs/job-errors.js';
import { backoffMs, DEFAULT_RETRY_POLICY } from '../../shared/jobs/retry-policy.js';

const job = (overrides: Partial<ClaimedJob> = {}): ClaimedJob => ({
  id: 1,
  attempt: 1,
  jobType: 'report',
  queue: 'default',
  priority: 50,
  payload: {},
  metadata: null,
  retryCount: 0,
  maxRetries: 3,
  timeoutMs: 1_000,
  lostCount: 0,
  waitMs: 0,
  batchNo: 1,
  ...overrides,
});
const decide = (error: unknown, overrides: Partial<ClaimedJob> = {}, abortedFor?: AbortCause, random = 0.5) =>
  decideFailure(
    { job: job(overrides), durationMs: 5, logs: [], error, abortedFor },
    DEFAULT_RETRY_POLICY,
    random,
  );

describe('a failed attempt', () => {
  test('with a permanent error is a dead letter at once', () => {
    expect(decide(new PermanentError('no such customer'))).toMatchObject({
      kind: 'dead_letter',
      reason: 'permanent',
      error: { errorClass: 'permanent', message: 'no such customer' },
    });
  });

  test('with a transient error is retried after a backoff', () => {
    expect(decide(new TransientError('busy'))).toMatchObject({
      kind: 'retried',
      delayMs: 500,
      error: { errorClass: 'transient' },
    });
  });

  test('with an unknown error is retried with twice the patience', () => {
    expect(decide(new Error('what?'))).toMatchObject({
      kind: 'retried',
      delayMs: 1_000,
      error: { errorClass: 'unknown' },
    });
  });

  test('of the network is transient, also when fetch wrapped it', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    expect(decide(new TypeError('fetch failed', { cause: refused }))).toMatchObject({
      error: { errorClass: 'transient' },
    });
  });

  test('that asks for a time is retried after that time', () => {
    expect(decide(new RetryAfterError(12_345))).toMatchObject({ kind: 'retried', delayMs: 12_345 });
  });

  test('that snoozes comes back without a charge', () => {
    expect(decide(new SnoozeError(60_000), { retryCount: 3 })).toMatchObject({
      kind: 'snoozed',
      delayMs: 60_000,
    });
  });

  test('without retries left is a dead letter, whatever it asked for', () => {
    expect(decide(new TransientError('busy'), { retryCount: 3 })).toMatchObject({
      kind: 'dead_letter',
      reason: 'max_retries',
    });
    expect(decide(new RetryAfterError(1), { maxRetries: 0 })).toMatchObject({
      kind: 'dead_letter',
      reason: 'max_retries',
    });
  });

  test('over its timeout is a timeout, whatever the handler threw', () => {
    expect(decide(new PermanentError('aborted'), {}, 'timeout')).toMatchObject({
      kind: 'retried',
      error: { errorClass: 'timeout', message: 'timed out after 1000 ms' },
    });
  });

  test('that ended with its worker is released without a charge', () => {
    expect(decide(new Error('aborted'), { retryCount: 3 }, 'shutdown')).toMatchObject({
      kind: 'released',
      delayMs: 0,
    });
  });

  test.each([[undefined], [null], ['a string'], [42], [{ no: 'error' }], [new Error('\u0000 in it')]])(
    'that threw %p is recorded with a message PostgreSQL can store',
    (thrown) => {
      const outcome = decide(thrown);
      expect(outcome.kind).toBe('retried');
      if (outcome.kind === 'retried') expect(outcome.error.message).not.toContain('\u0000');
      expect(outcome.kind === 'retried' && outcome.error.message.length).toBeGreaterThan(0);
    },
  );
});

describe('the backoff', () => {
  test('is between nothing and the ceiling, and never over the cap', () => {
    fc.assert(
      fc.property(
        fc.nat(60),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (retries, random) => {
          const delay = backoffMs(DEFAULT_RETRY_POLICY, retries, random);
          const ceiling = Math.min(3_600_000, 1_000 * 2 ** retries);
          expect(delay).toBeGreaterThanOrEqual(0);
          expect(delay).toBeLessThanOrEqual(ceiling);
        },
      ),
    );
  });
});

describe('the fingerprint', () => {
  test('groups errors that differ in numbers, ids and quoted values only', () => {
    const a = fingerprint(
      'mail',
      'unknown',
      `user 17 "ann" not found (4e5cfd62-0cf2-4f6f-9d2b-0c8c8d1a7b11)`,
    );
    const b = fingerprint(
      'mail',
      'unknown',
      `user 4711 "bob" not found (00000000-0cf2-4f6f-9d2b-0c8c8d1a7b11)`,
    );
    expect(a).toBe(b);
    expect(fingerprint('mail', 'unknown', 'mailbox full')).not.toBe(a);
    expect(
      fingerprint('sms', 'unknown', `user 17 "ann" not found (4e5cfd62-0cf2-4f6f-9d2b-0c8c8d1a7b11)`),
    ).not.toBe(a);
  });
  test('groups errors that name hexadecimal ids, and tells words and short codes apart', () => {
    const of = (what: string) => fingerprint('mail', 'unknown', `object ${what} is gone`);
    expect(of('507f1f77bcf86cd799439011')).toBe(of('0a7f1f77bcfa6cd7994390ff'));
    expect(of('deadbeef')).not.toBe(of('facade'));
    expect(of('E2BIG')).not.toBe(of('EPERM'));
  });
});
