import type { Database } from '../postgres/create-database.js';
import { KEY_COLUMNS, type ApiKey } from './api-key.js';

const LIST_KEYS = `
  SELECT ${KEY_COLUMNS} FROM api_keys WHERE id > $1 ORDER BY id LIMIT $2`;

export interface KeyPage {
  readonly keys: readonly ApiKey[];
  readonly hasMore: boolean;
  /** The last id of the page: the cursor of the next one. */
  readonly nextCursor: number | null;
}

/** A page of keys, oldest first, the revoked and the expired among them. @throws PostgresError */
export async function listKeys(
  db: Database,
  { limit, cursor = 0 }: { readonly limit: number; readonly cursor?: number | undefined },
): Promise<KeyPage> {
  const { rows } = await db.query<ApiKey>(LIST_KEYS, [cursor, limit + 1]);
  const keys = rows.slice(0, limit);
  const hasMore = rows.length > limit;
  return { keys, hasMore, nextCursor: hasMore ? (keys.at(-1)?.id ?? null) : null };
}

/** Whether any key was ever created. @throws PostgresError */
export async function hasKeys(db: Database): Promise<boolean> {
  const { rows } = await db.query<{ found: boolean }>(`SELECT EXISTS (SELECT FROM api_keys) AS found`);
  return rows[0]?.found === true;
}
