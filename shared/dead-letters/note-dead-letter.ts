import type { Database } from '../postgres/create-database.js';
import { lockTimeout } from '../postgres/lock-timeout.js';
import { noDeadLetter } from './read-dead-letter.js';

const NOTE_DEAD_LETTER = `
  UPDATE dead_letter_jobs SET note = $2 WHERE id = $1 AND ${lockTimeout('1s')}`;

/**
 * Writes a person's note on a dead letter of any status; null takes it off.
 *
 * @throws HoldfastError `not_found`; PostgresError
 */
export async function noteDeadLetter(db: Database, id: number, note: string | null): Promise<void> {
  const { rowCount } = await db.query(NOTE_DEAD_LETTER, [id, note]);
  if (rowCount === 0) throw noDeadLetter(id);
}
