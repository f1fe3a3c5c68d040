import { HoldfastError } from '../errors.js';
import type { Installation } from '../installation.js';
import { lockTimeout } from '../postgres/lock-timeout.js';
import { isPostgresError } from '../postgres/postgres-error.js';
import { noDeadLetter } from './read-dead-letter.js';

export interface DiscardRequest {
  readonly note?: string | undefined;
  /** Who asks, where that is known. */
  readonly by?: string | null | undefined;
}

type Answer = 'discarded' | 'already_discarded' | 'already_replayed' | 'not_found';

const DISCARD_DEAD_LETTER = `
  SELECT discard_dead_letter($1, $2, $3) AS answer WHERE ${lockTimeout('1s')}`;

/**
 * Closes an open dead letter without running its job, which stays failed until retention deletes it.
 *
 * @returns false when it was discarded before
 * @throws HoldfastError `not_found`, `not_discardable` when it was replayed, `busy` when another transaction holds the row
 */
export async function discardDeadLetter(
  { db, events }: Installation,
  id: number,
  { note, by = null }: DiscardRequest = {},
): Promise<boolean> {
  const values = [id, by, note ?? null];
  const { rows } = await db.query<{ answer: Answer }>(DISCARD_DEAD_LETTER, values).catch((error: unknown) => {
    if (!isPostgresError(error, 'lock_conflict')) throw error;
    const what = `dead letter ${id} is locked by another transaction; try again`;
    throw new HoldfastError('busy', what, { cause: error });
  });
  const { answer } = rows[0] as { answer: Answer };
  if (answer === 'not_found') throw noDeadLetter(id);
  if (answer === 'already_replayed')
    throw new HoldfastError(
      'not_discardable',
      `dead letter ${id} was replayed already; cancel its job instead`,
    );
  if (answer === 'discarded') events.emit('deadLetterDiscarded', { ids: [id], by });
  return answer === 'discarded';
}
