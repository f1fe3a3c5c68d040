import { HoldfastError, messageOf } from '../errors.js';
import type { Installation } from '../installation.js';
import { lockTimeout } from '../postgres/lock-timeout.js';
import { dispatchResumed } from './dispatch-resumed.js';
import { isQueueKnown } from './known-queues.js';
import { explain } from './pause-queue.js';

/** Spares the trigger's announcement: this process dispatches itself. */
const RESUME_QUEUE = `
  SELECT resume_queue($1) AS "isResumed"
   WHERE (SELECT set_config('holdfast.dispatched_by', 'submitter', true)) IS NOT NULL
     AND ${lockTimeout('1s')}`;

export interface ResumeOptions {
  /** Who resumes it, for the log. */
  readonly by?: string | null | undefined;
}

/**
 * Lets the jobs of a paused queue run again, at once: when this resolves, the first 100,000 of them are on their way, and the
 * coordinator sends the others after them.
 *
 * @returns false when it was not paused
 * @throws HoldfastError `not_found` when nobody knows such a queue, `busy` when another transaction holds the row
 */
export async function resumeQueue(
  installation: Installation,
  queue: string,
  { by = null }: ResumeOptions = {},
): Promise<boolean> {
  const { db, events, logger } = installation;
  const { rows } = await db.query<{ isResumed: boolean }>(RESUME_QUEUE, [queue]).catch((error: unknown) => {
    throw explain(queue, error);
  });
  if (rows[0]?.isResumed !== true) {
    if (await isQueueKnown(db, queue)) return false;
    throw new HoldfastError('not_found', `there is no queue ${queue}`);
  }
  events.emit('queueResumed', { queue, by });
  // It is committed: what cannot be dispatched now is found by polls and the sweep, and must not be the answer.
  await dispatchResumed(installation, queue).catch((error: unknown) =>
    logger.warn('a resumed queue was not dispatched; polls and the sweep will do it', {
      queue,
      error: messageOf(error),
    }),
  );
  return true;
}
