import { describe, expect, test } from '@jest/globals';
import { PermanentError, RetryAfterError, TransientError } from '../../../shared/jobs/job-errors.js';
import { retryAfterMs, statusError } from '../../../workers/handlers/http-status.js';

const NOW = Date.parse('2025-06-01T12:00:00Z');
const refused = (status: number, headers = {}) =>
  statusError({ request: 'GET http://host.test/', status, headers, excerpt: '' }, NOW);

describe('statusError', () => {
  test.each([408, 425, 429, 500, 502, 503, 504, 522])('%d is tried again', (status) => {
    const error = refused(status);
    expect(error).toBeInstanceOf(TransientError);
    expect(error).not.toBeInstanceOf(RetryAfterError);
  });

  test.each([301, 302, 400, 401, 403, 404, 409, 410, 422, 501, 505])('%d is for good', (status) => {
    expect(refused(status)).toBeInstanceOf(PermanentError);
  });

  test.each([429, 503])('%d with Retry-After is tried again when the server asks for it', (status) => {
    expect(refused(status, { 'retry-after': '7' })).toMatchObject({
      name: 'RetryAfterError',
      delayMs: 7_000,
    });
  });

  test('a redirect names where to, without its secrets', () => {
    const error = refused(302, { location: 'https://user:secret@other.test/path?token=secret' });
    expect(error.message).toContain('https://other.test/path');
    expect(error.message).not.toContain('secret');
  });
});

describe('retryAfterMs', () => {
  test('reads seconds', () => expect(retryAfterMs('120', NOW)).toBe(120_000));
  test('reads a date', () => expect(retryAfterMs('Sun, 01 Jun 2025 12:00:30 GMT', NOW)).toBe(30_000));
  test('takes a date in the past for now', () =>
    expect(retryAfterMs('Sun, 01 Jun 2025 11:00:00 GMT', NOW)).toBe(0));
  test('is never longer than an hour', () => expect(retryAfterMs('999999', NOW)).toBe(3_600_000));
  test('ignores what it cannot read', () => expect(retryAfterMs('soon', NOW)).toBeUndefined());
});
