import { HoldfastError } from '../errors.js';
import type { Installation } from '../installation.js';
import { outcomeUnknown } from '../postgres/outcome-unknown.js';
import { isPostgresError } from '../postgres/postgres-error.js';
import { KEY_COLUMNS, type ApiKey, type Role } from './api-key.js';
import { hashSecret, makeSecret } from './secret.js';

const CREATE_KEY = `
  INSERT INTO api_keys (name, role, prefix, secret_hash, expires_at) VALUES ($1, $2, $3, $4, $5) RETURNING ${KEY_COLUMNS}`;

export interface NewKey {
  /** 1 to 100 of letters, digits, `_ . @ / -`; it begins with a letter or a digit. No other unrevoked key has it. */
  readonly name: string;
  readonly role: Role;
  /** Default: never. */
  readonly expiresAt?: Date | undefined;
}

export interface CreatedKey {
  readonly key: ApiKey;
  /** What the caller sends. Shown here and never again. */
  readonly secret: string;
}

/**
 * Creates an API key. Every API process knows it at once; one that was open because there was no key asks for keys within
 * five seconds.
 *
 * @throws HoldfastError `key_exists`, `validation_failed` when it would have expired already, `outcome_unknown`;
 * PostgresError
 */
export async function createKey(
  { db, events }: Pick<Installation, 'db' | 'events'>,
  { name, role, expiresAt }: NewKey,
): Promise<CreatedKey> {
  const { secret, prefix } = makeSecret();
  const values = [name, role, prefix, hashSecret(secret), expiresAt ?? null];
  const { rows } = await db.query<ApiKey>(CREATE_KEY, values).catch((error: unknown) => {
    const what = `the key "${name}" may exist, and nobody has its secret: revoke it, then create it again`;
    throw outcomeUnknown(error, what) ?? explain(name, error);
  });
  const key = rows[0] as ApiKey;
  events.emit('keyCreated', { id: key.id, name, role });
  return { key, secret };
}

function explain(name: string, error: unknown): unknown {
  if (!isPostgresError(error, 'constraint')) return error;
  if (error.constraint === 'api_keys_name') {
    const what = `there is a key of the name "${name}" already: revoke it first, or choose another name`;
    return new HoldfastError('key_exists', what, { cause: error });
  }
  if (error.constraint === 'api_keys_expires_later') {
    const details = [{ field: 'expires_at', problem: 'must be in the future' }];
    return new HoldfastError('validation_failed', 'expires_at: must be in the future', {
      cause: error,
      details,
    });
  }
  return error;
}
