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

/** A part that fails keeps no other from being done. One line tells of all that failed: with Redis away it is every queue. */
export async function attemptAll(
  { logger }: Installation,
  what: string,
  work: (attempt: Attempting) => Promise<void>,
): Promise<void> {
  const failed: string[] = [];
  let reason: unknown;
  await work(async (part, doPart) => {
    await doPart().catch((error: unknown) => {
      failed.push(part);
      reason = error;
    });
  });
  if (failed.length === 0) return;
  const fields = { parts: failed.slice(0, 5), count: failed.length, error: messageOf(reason) };
  logger.warn(`coordinator: parts of ${what} failed, will be tried again`, fields);
}
