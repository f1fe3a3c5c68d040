import type { Database } from '../postgres/create-database.js';
import { isPostgresError } from '../postgres/postgres-error.js';
import { messageOf } from '../errors.js';
import { ok, problem, warning, type Finding } from './finding.js';

const OLDEST_VERSION = 14;
const NEWEST_VERSION = 18;

/** What the server says of itself, for a session of ours: a setting may differ by role and database. */
export interface PostgresServer {
  readonly version: string;
  readonly majorVersion: number;
  readonly isStandby: boolean;
  readonly fsync: string;
  readonly synchronousCommit: string;
  readonly fullPageWrites: string;
  readonly hasSynchronousStandby: boolean;
}

const READ_SERVER = `
  SELECT current_setting('server_version') AS version,
         current_setting('server_version_num')::int / 10000 AS "majorVersion",
         pg_is_in_recovery() AS "isStandby",
         current_setting('fsync') AS fsync,
         current_setting('synchronous_commit') AS "synchronousCommit",
         current_setting('full_page_writes') AS "fullPageWrites",
         current_setting('synchronous_standby_names') <> '' AS "hasSynchronousStandby"`;

/** @throws PostgresError */
export async function readPostgresServer(db: Database): Promise<PostgresServer> {
  const { rows } = await db.query<PostgresServer>(READ_SERVER);
  return rows[0]!;
}

const TOO_MANY_CONNECTIONS = '53300';

export function explainPostgresAway(error: unknown): Finding {
  const what = `PostgreSQL cannot be used: ${messageOf(error)}`;
  const meaning =
    'Nothing can be submitted or begun. Running handlers finish; their outcomes wait and are recorded when it is back.';
  return isPostgresError(error) && error.sqlState === TOO_MANY_CONNECTIONS
    ? problem(
        what,
        meaning,
        'Raise max_connections, lower DATABASE_POOL_SIZE, or put a connection pooler in between.',
      )
    : problem(what, meaning, 'Check DATABASE_URL (or POSTGRES_*) and that the server runs.');
}

export function judgeVersion({ version, majorVersion, isStandby }: PostgresServer): Finding[] {
  const findings: Finding[] = [];
  if (majorVersion < OLDEST_VERSION)
    findings.push(
      problem(
        `PostgreSQL ${version} is too old`,
        `Holdfast is written for PostgreSQL ${OLDEST_VERSION} to ${NEWEST_VERSION}: its migrations and statements may fail here.`,
        `Upgrade PostgreSQL to ${OLDEST_VERSION} or later.`,
      ),
    );
  else if (majorVersion > NEWEST_VERSION)
    findings.push(
      warning(
        `PostgreSQL ${version} is newer than this version of Holdfast knows`,
        `Holdfast was tested with PostgreSQL ${OLDEST_VERSION} to ${NEWEST_VERSION}. It may well work here.`,
        'Look for a newer version of Holdfast.',
      ),
    );
  else findings.push(ok(`PostgreSQL ${version} answers`));
  if (isStandby)
    findings.push(
      problem(
        'this PostgreSQL is a read-only standby',
        'Nothing can be submitted, begun or recorded here.',
        'Let DATABASE_URL name the primary, or a name that follows it in a failover.',
      ),
    );
  return findings;
}

/** What a crash of the server, or a failover, may take along. See docs/durability.md. */
export function judgeDurability(server: PostgresServer): Finding[] {
  const { fsync, synchronousCommit, fullPageWrites, hasSynchronousStandby } = server;
  const findings: Finding[] = [];
  if (fsync === 'off')
    findings.push(
      problem(
        'fsync is off',
        'A power cut or a crash of the machine may destroy the whole database, accepted jobs included.',
        'Set fsync = on in postgresql.conf and reload.',
      ),
    );
  if (fullPageWrites === 'off')
    findings.push(
      problem(
        'full_page_writes is off',
        'A power cut may leave half-written pages that recovery cannot mend: silent corruption.',
        'Set full_page_writes = on, unless the file system itself writes whole pages (ZFS).',
      ),
    );
  if (synchronousCommit === 'off')
    findings.push(
      problem(
        'synchronous_commit is off',
        'A crash of PostgreSQL loses the commits of the last moments: jobs that were accepted are gone, finished ones run again.',
        "Set synchronous_commit = on, for the server or for Holdfast's role (ALTER ROLE … SET synchronous_commit = on).",
      ),
    );
  else if (hasSynchronousStandby && ['local', 'remote_write'].includes(synchronousCommit))
    findings.push(
      warning(
        `synchronous_commit is ${synchronousCommit} although there is a synchronous standby`,
        'A commit does not wait until the standby has it on disk: a failover may lose jobs that were accepted.',
        'Set synchronous_commit = on.',
      ),
    );
  return findings.length > 0 ? findings : [ok('what PostgreSQL has committed survives a crash')];
}
