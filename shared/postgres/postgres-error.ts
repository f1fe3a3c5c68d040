import { messageOf } from '../errors.js';

/**
 * What a failed statement means for its caller:
 * - `unavailable`: no connection, or it broke. Retry later; when `wasSent`, a write may have been committed.
 * - `lock_conflict`: somebody else holds a row (lock timeout, deadlock, serialization). Retry, smaller.
 * - `constraint`: a CHECK, key or foreign key said no; `constraint` names it.
 * - `bad_value`: PostgreSQL cannot store a value (for example `\u0000` in jsonb, a number out of range).
 * - `other`: a fault of ours or of the installation.
 */
export type PostgresErrorKind = 'unavailable' | 'lock_conflict' | 'constraint' | 'bad_value' | 'other';

/** A failed statement, translated once, here, at the boundary. `cause` is what the driver threw. */
export class PostgresError extends Error {
  override readonly name = 'PostgresError';
  readonly kind: PostgresErrorKind;
  /** False only when it is certain that nothing was committed: it never reached the server, or no COMMIT did. */
  readonly wasSent: boolean;
  readonly sqlState: string | undefined;
  readonly constraint: string | undefined;

  constructor(cause: unknown, wasSent: boolean) {
    super(explain(messageOf(cause)), { cause });
    const { code, constraint } = cause as { code?: unknown; constraint?: unknown };
    // With a digit: Node's own EPIPE has five letters too.
    this.sqlState = typeof code === 'string' && /^(?=.*\d)[0-9A-Z]{5}$/.test(code) ? code : undefined;
    this.constraint = typeof constraint === 'string' ? constraint : undefined;
    this.wasSent = wasSent && !(this.sqlState === '08P01' && REFUSED_BY_POOLER.test(this.message));
    this.kind = kindOf(this.sqlState);
  }
}

/** PgBouncer's words for a statement that it had no connection for: PostgreSQL never saw it. */
const REFUSED_BY_POOLER = /query_wait_timeout|server_login_retry/;

/** Of what a schema other than the default one needs behind PgBouncer. */
function explain(message: string): string {
  if (!/unsupported startup parameter( in options)?: (options|search_path)/.test(message)) return message;
  return (
    `${message}. PgBouncer does not let a connection say in which schema its tables are: set search_path for the role in ` +
    'PostgreSQL, and let PgBouncer ignore the parameter; see docs/pgbouncer.md'
  );
}

/** SQLSTATE classes: https://www.postgresql.org/docs/current/errcodes-appendix.html */
function kindOf(sqlState: string | undefined): PostgresErrorKind {
  // Without a SQLSTATE the server did not answer: refused, reset, timed out.
  if (sqlState === undefined) return 'unavailable';
  if (['55P03', '40P01', '40001'].includes(sqlState)) return 'lock_conflict';
  const family = sqlState.slice(0, 2);
  // 25006: a demoted primary is read-only until the failover has settled.
  if (['08', '53', '57', '58'].includes(family) || sqlState === '25006') return 'unavailable';
  if (family === '23') return 'constraint';
  // 54: a limit of the server, such as a value over 1 GB.
  if (family === '22' || family === '54') return 'bad_value';
  return 'other';
}

export function isPostgresError(error: unknown, ...kinds: PostgresErrorKind[]): error is PostgresError {
  return error instanceof PostgresError && (kinds.length === 0 || kinds.includes(error.kind));
}
