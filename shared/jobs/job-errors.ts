/**
 * How an attempt can fail. `transient` and `unknown` are retried with backoff, `timeout` too;
 * `permanent` goes to the dead letters at once; `lost` is charged to nobody; `cancelled` was asked for.
 */
export type ErrorClass = 'transient' | 'permanent' | 'timeout' | 'lost' | 'cancelled' | 'unknown';

interface JobErrorOptions {
  cause?: unknown;
}

/** Thrown by a handler: trying again cannot help. The job becomes a dead letter at once. */
export class PermanentError extends Error {
  override readonly name: string = 'PermanentError';
  constructor(message: string, options?: JobErrorOptions) {
    super(message, options);
  }
}

/** Thrown by a handler: expected to pass. Retried with the job type's backoff. */
export class TransientError extends Error {
  override readonly name: string = 'TransientError';
  constructor(message: string, options?: JobErrorOptions) {
    super(message, options);
  }
}

/** Thrown by a handler: retry, but after this many milliseconds instead of the computed backoff. */
export class RetryAfterError extends TransientError {
  override readonly name: string = 'RetryAfterError';
  readonly delayMs: number;
  constructor(
    delayMs: number,
    message = `asked to be retried after ${delayMs} ms`,
    options?: JobErrorOptions,
  ) {
    super(message, options);
    this.delayMs = checkDelay(delayMs);
  }
}

/** Thrown by a handler: not now. The job runs again after the delay and no retry is charged. */
export class SnoozeError extends Error {
  override readonly name: string = 'SnoozeError';
  readonly delayMs: number;
  constructor(delayMs: number, message = `snoozed for ${delayMs} ms`) {
    super(message);
    this.delayMs = checkDelay(delayMs);
  }
}

const LONGEST_DELAY_MS = 10 * 365 * 24 * 3_600_000;

/** @throws RangeError for what is no time to wait; the attempt then fails with that, and is retried with backoff */
function checkDelay(delayMs: number): number {
  if (!(delayMs >= 0 && delayMs <= LONGEST_DELAY_MS)) {
    throw new RangeError(`delayMs must be 0 to ${LONGEST_DELAY_MS} milliseconds, not ${delayMs}`);
  }
  return delayMs;
}
