import { HoldfastError } from '../errors.js';
import type { Installation } from '../installation.js';
import { QUEUE_NAME_RULE } from '../jobs/job-limits.js';
import { lockTimeout } from '../postgres/lock-timeout.js';
import { isPostgresError } from '../postgres/postgres-error.js';

export interface PauseOptions {
  /** Who pauses it, for whoever asks later. */
  readonly by?: string | null | undefined;
  /** Why. */
  readonly reason?: string | null | undefined;
}

const PAUSE_QUEUE = `
  SELECT pause_queue($1, $2, $3) AS "isPaused" WHERE ${lockTimeout('1s')}`;

/**
 * Starts no more jobs of a queue; what runs finishes. Jobs may still be submitted to it, and wait. The queue need not be in use.
 *
 * @returns false when it was paused already: who paused it, when and why stays as it is
 * @throws HoldfastError `validation_failed` for what is no name of a queue, `busy` when another transaction holds the row
 */
export async function pauseQueue(
  { db, events }: Installation,
  queue: string,
  { by = null, reason = null }: PauseOptions = {},
): Promise<boolean> {
  const { rows } = await db
    .query<{ isPaused: boolean }>(PAUSE_QUEUE, [queue, reason, by])
    .catch((error: unknown) => {
      throw explain(queue, error);
    });
  const isPaused = rows[0]?.isPaused === true;
  if (isPaused) events.emit('queuePaused', { queue, by, reason });
  return isPaused;
}

/** What PostgreSQL refused, in words for whoever named the queue. */
export function explain(queue: string, error: unknown): unknown {
  if (isPostgresError(error, 'lock_conflict')) {
    const what = `the row of queue ${queue} is locked by another transaction; try again`;
    return new HoldfastError('busy', what, { cause: error });
  }
  if (isPostgresError(error, 'constraint') && error.constraint === 'queue_name_check') {
    const details = [{ field: 'name', problem: QUEUE_NAME_RULE }];
    return new HoldfastError('validation_failed', `name: ${QUEUE_NAME_RULE}`, { cause: error, details });
  }
  return error;
}
