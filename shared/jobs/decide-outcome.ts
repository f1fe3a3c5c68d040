import type { ClaimedJob } from './claimed-job.js';
import { describeError } from './classify-error.js';
import { RetryAfterError, SnoozeError } from './job-errors.js';
import {
  deadLetter,
  release,
  retry,
  snooze,
  type AttemptError,
  type LogLine,
  type Outcome,
} from './outcome.js';
import { storableText } from './storable-text.js';
import { backoffMs, type RetryPolicy } from './retry-policy.js';

/** Why a handler's signal was aborted. */
export type AbortCause = 'timeout' | 'cancelled' | 'shutdown' | 'lost';

export interface AttemptFailure {
  readonly job: ClaimedJob;
  readonly durationMs: number;
  readonly logs: readonly LogLine[];
  readonly error: unknown;
  readonly abortedFor: AbortCause | undefined;
}

/** Nobody declared an unknown error to be passing: it is retried, but given twice the time. */
const UNKNOWN_ERROR_PATIENCE = 2;

/** What follows from a failed attempt. Pure but for the jitter. */
export function decideFailure(failure: AttemptFailure, policy: RetryPolicy, random = Math.random()): Outcome {
  const { job, durationMs, logs, error, abortedFor } = failure;
  const end = { job, durationMs, logs };
  // A handler that ends because it was told to is not at fault.
  if (abortedFor === 'shutdown') return release(end, 'its worker shut down');
  if (abortedFor === 'timeout') {
    const timeout: AttemptError = { message: `timed out after ${job.timeoutMs} ms`, errorClass: 'timeout' };
    return retryOrGiveUp(end, timeout, backoffMs(policy, job.retryCount, random));
  }
  if (error instanceof SnoozeError) return snooze(end, storableText(error.message, 2_000), error.delayMs);
  const described = describeError(error);
  if (described.errorClass === 'permanent') return deadLetter(end, described, 'permanent');
  if (error instanceof RetryAfterError) return retryOrGiveUp(end, described, error.delayMs);
  const patience = described.errorClass === 'unknown' ? UNKNOWN_ERROR_PATIENCE : 1;
  return retryOrGiveUp(end, described, patience * backoffMs(policy, job.retryCount, random));
}

type AttemptEnd = Pick<AttemptFailure, 'job' | 'durationMs' | 'logs'>;

function retryOrGiveUp(end: AttemptEnd, error: AttemptError, delayMs: number): Outcome {
  return end.job.retryCount < end.job.maxRetries
    ? retry(end, error, delayMs)
    : deadLetter(end, error, 'max_retries');
}
