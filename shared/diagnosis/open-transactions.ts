import type { Database } from '../postgres/create-database.js';
import { ok, spokenTime, warning, type Finding } from './finding.js';

/** How long, in milliseconds, a transaction may be open before it is told. */
export interface TransactionAges {
  /** One that waits for its client. Default 60,000. */
  readonly idleMs: number;
  /** Any. Default 300,000. */
  readonly anyMs: number;
}

export const DEFAULT_TRANSACTION_AGES: TransactionAges = { idleMs: 60_000, anyMs: 300_000 };

interface OpenTransaction {
  readonly pid: number;
  readonly role: string | null;
  readonly application: string | null;
  readonly state: string;
  readonly ageMs: number;
}

/** In this database alone: what is open in others holds back no cleaning up here. */
const READ_OPEN_TRANSACTIONS = `
  SELECT pid, usename AS role, application_name AS application, state,
         date_part('epoch', clock_timestamp() - xact_start) * 1000 AS "ageMs"
    FROM pg_stat_activity
   WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
     AND xact_start <= clock_timestamp()
           - CASE WHEN state LIKE 'idle in transaction%' THEN LEAST($1::float8, $2) ELSE $2 END * interval '1 millisecond'
   ORDER BY xact_start LIMIT 10`;

/** PostgreSQL shows a role only its own sessions, unless it may read all. */
const COUNT_HIDDEN = `
  SELECT count(*) AS hidden FROM pg_stat_activity
   WHERE datname = current_database() AND query = '<insufficient privilege>'`;

const READ_PREPARED = `
  SELECT gid, owner AS role, date_part('epoch', clock_timestamp() - prepared) * 1000 AS "ageMs" FROM pg_prepared_xacts
   WHERE database = current_database() AND prepared <= clock_timestamp() - $1 * interval '1 millisecond'
   ORDER BY prepared LIMIT 10`;

/** @throws PostgresError */
export async function checkOpenTransactions(db: Database, ages: TransactionAges): Promise<Finding[]> {
  const open = await db.query<OpenTransaction>(READ_OPEN_TRANSACTIONS, [ages.idleMs, ages.anyMs]);
  const prepared = await db.query<{ gid: string; role: string; ageMs: number }>(READ_PREPARED, [ages.anyMs]);
  const findings = [...open.rows.map(describeOpen), ...prepared.rows.map(describePrepared)];
  if (findings.length > 0) return findings;
  const { rows } = await db.query<{ hidden: number }>(COUNT_HIDDEN);
  const hidden = rows[0]?.hidden ?? 0;
  return hidden === 0
    ? [ok('no transaction has been open for long')]
    : [
        ok(
          `transactions of other roles cannot be read (${hidden} sessions); GRANT pg_read_all_stats shows them`,
        ),
      ];
}

const MEANING =
  'While it is open PostgreSQL cleans up no row version that is newer than it: tables and indexes grow. ' +
  'Jobs whose rows it has locked cannot be begun or cancelled.';

function describeOpen({ pid, role, application, state, ageMs }: OpenTransaction): Finding {
  const who = `pid ${pid}, application "${application ?? ''}", user ${role ?? 'unknown'}, ${state}`;
  return warning(
    `a transaction has been open for ${spokenTime(ageMs)}: ${who}`,
    MEANING,
    `Let the application commit, or end the session: SELECT pg_terminate_backend(${pid}). ` +
      'idle_in_transaction_session_timeout ends forgotten ones by itself.',
  );
}

function describePrepared({ gid, role, ageMs }: { gid: string; role: string; ageMs: number }): Finding {
  return warning(
    `a prepared transaction has been open for ${spokenTime(ageMs)}: gid "${gid}", user ${role}`,
    `${MEANING} It outlives its session, and restarts.`,
    'Ask who coordinates it, then COMMIT PREPARED or ROLLBACK PREPARED with its gid.',
  );
}
