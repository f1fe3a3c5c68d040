import { HoldfastError } from '../errors.js';
import type { Installation } from '../installation.js';
import { lockTimeout } from '../postgres/lock-timeout.js';
import { KEY_COLUMNS, type ApiKey } from './api-key.js';

const REVOKE_KEY = `
  UPDATE api_keys SET revoked_at = now()
   WHERE id = $1 AND revoked_at IS NULL AND ${lockTimeout('1s')}
  RETURNING ${KEY_COLUMNS}`;

/**
 * Ends a key for good: at once in this process, within five seconds in every other. One that is revoked already stays as
 * it is.
 *
 * @throws HoldfastError `not_found`; PostgresError
 */
export async function revokeKey(
  { db, events }: Pick<Installation, 'db' | 'events'>,
  id: number,
): Promise<ApiKey> {
  const [revoked] = (await db.query<ApiKey>(REVOKE_KEY, [id])).rows;
  if (revoked) {
    events.emit('keyRevoked', { id, name: revoked.name });
    return revoked;
  }
  const { rows } = await db.query<ApiKey>(`SELECT ${KEY_COLUMNS} FROM api_keys WHERE id = $1`, [id]);
  if (!rows[0]) throw new HoldfastError('not_found', `there is no key ${id}`);
  return rows[0];
}
