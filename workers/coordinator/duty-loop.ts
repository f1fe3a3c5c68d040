import { messageOf } from '../../shared/errors.js';
import type { Installation } from '../../shared/installation.js';
import { createLoop, type Loop } from '../../shared/time/loop.js';

/** A loop whose failed rounds are told and tried again. */
export function createDutyLoop(
  installation: Installation,
  name: string,
  retryMs: number,
  runOnce: () => Promise<number>,
): Loop {
  const onError = (error: unknown) =>
    installation.logger.warn(`coordinator: ${name} failed, will be tried again`, { error: messageOf(error) });
  return createLoop({ name, runOnce, onError, retryMs });
}

export type Attempting = (part: string, work: () => Promise<unknown>) => Promise<void>;

/** What goes on failing alike is told again after this. */
const TELL_AGAIN_MS = 5 * 60_000;

/** Does the parts of a round. */
export type AttemptAll = (work: (attempt: Attempting) => Promise<void>) => Promise<void>;

/**
 * A part that fails keeps no other from being done. One line tells of all that failed in a round, since with Redis away it is every
 * queue; and not of each round, but when what fails, or why, has changed.
 */
export function createAttempts(
  { logger, lanes }: Pick<Installation, 'logger' | 'lanes'>,
  what: string,
  now = () => performance.now(),
): AttemptAll {
  let told: string | undefined;
  let tellAgainAt = 0;

  function tell(failed: readonly string[], reason: unknown): void {
    const error = messageOf(lanes?.reasonOf(reason) ?? reason);
    const state = JSON.stringify([error, ...failed]);
    if (state === told && now() < tellAgainAt) return;
    told = state;
    tellAgainAt = now() + TELL_AGAIN_MS;
    const fields = { parts: failed.slice(0, 5), count: failed.length, error };
    logger.warn(`coordinator: parts of ${what} failed, will be tried again`, fields);
  }

  return async (work) => {
    const failed: string[] = [];
    let reason: unknown;
    await work(async (part, doPart) => {
      await doPart().catch((error: unknown) => {
        failed.push(part);
        reason = error;
      });
    });
    if (failed.length > 0) return tell(failed, reason);
    if (told !== undefined) logger.info(`coordinator: all parts of ${what} succeed again`);
    told = undefined;
  };
}
