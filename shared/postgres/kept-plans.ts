import { createHash } from 'node:crypto';
import pg from 'pg';
import { runQuery } from './run-query.js';
import { toldProcessId } from './told-process-id.js';

/**
 * Less than a client waits for an answer: nobody's backend may go on waiting for a lock that nobody wants any more. A statement_timeout would
 * do, too, but sets a timer for each statement (docs/performance.md).
 */
const MOST_LOCK_WAIT_MS = 9_500;

/**
 * One round trip per connection. Behind a pooler nothing is set: the session belongs to others, too.
 *
 * A kept plan may have been made while the tables were all but empty, when reading all of them was cheapest, and nothing
 * makes PostgreSQL think again before the next ANALYZE: Holdfast's statements find every row by an index. For the same reason
 * one plan is good for all values, from the first time on; PostgreSQL would plan five times, and some statements for ever. So no
 * statement may depend on a value to be planned well: a LIMIT that is a parameter is taken for a tenth of the table.
 *
 * Our schema ($2, quoted) comes first: the role's search_path may name the application's own table of jobs before ours, or not name ours at
 * all. What else is in it stays, for triggers of the application's own.
 */
export const ADOPT_SESSION = `
  SELECT set_config('enable_seqscan', 'off', false), set_config('jit', 'off', false),
    set_config('plan_cache_mode', 'force_generic_plan', false),
    set_config('lock_timeout', '${MOST_LOCK_WAIT_MS}', false),
    set_config('search_path', concat_ws(', ', $2::text, NULLIF(current_setting('search_path'), '')), false)
   WHERE pg_backend_pid() = $1`;

/** SQLSTATEs of a kept plan that the server no longer has, or no longer may use: columns were changed. */
const LOST_PLAN = ['26000', '42P05', '0A000'];

const IN_FAILED_TRANSACTION = '25P02';

const names = new Map<string, string>();

/** The text alone decides: two versions of Holdfast may share a session. */
function nameOf(text: string): string {
  let name = names.get(text);
  if (name === undefined) {
    name = `holdfast_${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
    names.set(text, name);
  }
  return name;
}

/**
 * Runs statements on connections of a pool. On a session of its own each text is planned once (a prepared
 * statement by name): planning costs several times what a small claim does. Behind a pooler in transaction
 * mode nothing is kept.
 */
export class KeptPlans {
  private readonly owned = new WeakSet<pg.ClientBase>();

  constructor(private readonly schema: string) {}

  /** Once per connection, before its first statement. */
  async adopt(client: pg.ClientBase): Promise<void> {
    const values = [toldProcessId(client), pg.escapeIdentifier(this.schema)];
    const { rowCount } = await runQuery(client, { text: ADOPT_SESSION, values });
    if (rowCount === 1) this.owned.add(client);
  }

  /** Statements without parameters are not kept: BEGIN, COMMIT, and what is run once. */
  async run(client: pg.ClientBase, statement: pg.QueryConfig<unknown[]>): Promise<pg.QueryResult> {
    if (!statement.values?.length || !this.owned.has(client)) return runQuery(client, statement);
    try {
      return await runQuery(client, { ...statement, name: nameOf(statement.text) });
    } catch (error) {
      if (!LOST_PLAN.includes((error as { code?: string }).code ?? '')) throw error;
      this.owned.delete(client);
      // It was refused before anything of it was done; in a transaction everything is, from there on.
      return runQuery(client, statement).catch((again: unknown) => {
        throw (again as { code?: string }).code === IN_FAILED_TRANSACTION ? error : again;
      });
    }
  }
}
