import { HoldfastError } from '../errors.js';
import type { Database } from '../postgres/create-database.js';
import { isPostgresError } from '../postgres/postgres-error.js';

/** What people ask differs from one time to the next: each is planned for its own values, and may read a whole table. */
const SET_LIMIT = `
  SELECT set_config('statement_timeout', $1, true), set_config('plan_cache_mode', 'force_custom_plan', true),
    set_config('enable_seqscan', 'on', true)`;
const QUERY_CANCELED = '57014';

/**
 * Reads with a limit that PostgreSQL itself keeps: for questions whose cost depends on what people ask.
 *
 * @throws HoldfastError `timeout`; PostgresError
 */
export async function readWithin<Row>(
  db: Database,
  mostMs: number,
  statement: string,
  values: unknown[] = [],
): Promise<Row[]> {
  try {
    return await db.transaction(async (tx) => {
      await tx.query(SET_LIMIT, [String(mostMs)]);
      const { rows } = await tx.query(statement, values);
      return rows as Row[];
    });
  } catch (error) {
    if (!isPostgresError(error) || error.sqlState !== QUERY_CANCELED) throw error;
    throw new HoldfastError('timeout', `PostgreSQL did not find the answer within ${mostMs} ms`, {
      cause: error,
    });
  }
}
