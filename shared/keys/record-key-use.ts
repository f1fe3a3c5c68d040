import type { Database } from '../postgres/create-database.js';

/** Another process may have said the same just now; what it holds locked, it is just saying. */
const RECORD_KEY_USE = `
  UPDATE api_keys SET last_used_at = now() WHERE id IN (
    SELECT id FROM api_keys
     WHERE id = ANY ($1::bigint[]) AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
     ORDER BY id FOR UPDATE SKIP LOCKED)`;

/** These keys were used just now. Written at most once a minute, however many processes saw it. @throws PostgresError */
export async function recordKeyUse(db: Database, ids: readonly number[]): Promise<void> {
  await db.query(RECORD_KEY_USE, [ids]);
}
