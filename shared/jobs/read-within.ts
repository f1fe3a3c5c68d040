import { HoldfastError } from '../errors.js';
import type { Database } from '../postgres/create-database.js';
import { Gate } from '../gate.js';
import { isPostgresError } from '../postgres/postgres-error.js';
import type { QueryTarget } from '../postgres/query-target.js';

/** What people ask differs from one time to the next: each is planned for its own values, and may read a whole table. */
const SET_LIMIT = `
  SELECT set_config('statement_timeout', $1, true), set_config('plan_cache_mode', 'force_custom_plan', true),
    set_config('enable_seqscan', 'on', true)`;
const QUERY_CANCELED = '57014';

/** Of a pool's connections: what people ask must not keep jobs from being submitted, claimed and recorded. */
const SHARE = 0.4;
const gates = new WeakMap<Database, Gate>();

function gateOf(db: Database): Gate {
  const gate = gates.get(db) ?? new Gate(Math.max(1, Math.floor(SHARE * db.poolSize)));
  gates.set(db, gate);
  return gate;
}

/**
 * Reads with a limit that PostgreSQL itself keeps: for questions whose cost depends on what people ask. They have a part of the
 * connections; those that find no place wait for one as long as an answer may take.
 *
 * @throws HoldfastError `timeout`, `overloaded`; PostgresError
 */
export async function readWithin<Row>(
  db: Database,
  mostMs: number,
  statement: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const tooMany = () => new HoldfastError('overloaded', 'too many slow questions are being answered already');
  const read = async (tx: QueryTarget) => {
    await tx.query(SET_LIMIT, [String(mostMs)]);
    return (await tx.query(statement, values)).rows as Row[];
  };
  try {
    return await gateOf(db).pass(mostMs, tooMany, () => db.transaction(read));
  } catch (error) {
    if (!isPostgresError(error) || error.sqlState !== QUERY_CANCELED) throw error;
    throw new HoldfastError('timeout', `PostgreSQL did not find the answer within ${mostMs} ms`, {
      cause: error,
    });
  }
}
