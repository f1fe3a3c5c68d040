import { setTimeout as wait } from 'node:timers/promises';
import { ApiError } from './api-error.js';

/** Answers after which nothing was done, and the same request may go well soon. `outcome_unknown` is none of them. */
const PASSING = ['overloaded', 'postgres_unavailable', 'rate_limited', 'busy'];

/** Of these also work that is done piece by piece, and commits each, has done nothing: it was not let begin. */
export const NOT_BEGUN = ['overloaded', 'rate_limited'];

export const isPassing = (error: unknown, codes: readonly string[] = PASSING): error is ApiError =>
  error instanceof ApiError && codes.includes(error.body.code);

/** Whether nothing was done of a request that has failed so; otherwise nobody knows. */
export const isRefused = (error: unknown): boolean =>
  isPassing(error) || (error instanceof ApiError && error.status < 500);

const MOST_TRIES = 6;
const LONGEST_WAIT_S = 30;

/**
 * A request among many of long work: a refusal that will pass is waited out, or a limit of rate would end the work.
 *
 * @param signal when it is aborted nothing more is waited for
 * @throws whatever `ask` throws at last: the refusal, when the wait for its end is cut short
 */
export async function patiently<Answer>(
  ask: () => Promise<Answer>,
  codes: readonly string[] = PASSING,
  signal?: AbortSignal,
): Promise<Answer> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask();
    } catch (error) {
      if (!isPassing(error, codes) || tries === MOST_TRIES) throw error;
      const pauseMs = Math.min(error.retryAfterSeconds ?? 1, LONGEST_WAIT_S) * 1_000;
      await wait(pauseMs, undefined, signal && { signal }).catch(() => undefined);
      if (signal?.aborted) throw error;
    }
  }
}
