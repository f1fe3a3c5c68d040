/** When a failed attempt is followed by another. Times are milliseconds. */
export interface RetryPolicy {
  /** Retries after the first attempt. Default 3. */
  readonly maxRetries: number;
  /** The backoff's ceiling before the first retry. Default 1,000. */
  readonly baseDelayMs: number;
  /** By how much the ceiling grows with each retry. Default 2. */
  readonly multiplier: number;
  /** The ceiling's limit; twice that after errors of unknown kind. Default 3,600,000 (one hour). */
  readonly maxDelayMs: number;
}

export const DEFAULT_RETRY_POLICY: RetryPolicy = {
  maxRetries: 3,
  baseDelayMs: 1_000,
  multiplier: 2,
  maxDelayMs: 3_600_000,
};

/**
 * Exponential backoff with full jitter: uniform in [0, min(cap, base × multiplier^retries)].
 * Full jitter spreads a storm of retries best; see Marc Brooker, "Exponential Backoff and Jitter" (AWS, 2015).
 *
 * @param retryCount retries already made, 0 before the first
 * @param random a number in [0, 1)
 */
export function backoffMs(policy: RetryPolicy, retryCount: number, random: number = Math.random()): number {
  const ceiling = Math.min(policy.maxDelayMs, policy.baseDelayMs * policy.multiplier ** retryCount);
  return Math.round(random * ceiling);
}
