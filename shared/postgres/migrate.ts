import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { runner, type RunnerOption } from 'node-pg-migrate';
import pg from 'pg';
import { HoldfastError, messageOf } from '../errors.js';
import { packageRoot } from '../package-root.js';

export interface MigrateOptions {
  readonly connectionString: string;
  /** Default `public`; created when missing. */
  readonly schema?: string;
  readonly log?: (line: string) => void;
}

export interface MigrationStatus {
  readonly name: string;
  readonly isApplied: boolean;
}

const MIGRATIONS_TABLE = 'holdfast_migrations';
const FOLDER = join(packageRoot, 'migrations');
/** How long a process waits while another one migrates. */
const WAIT_FOR_OTHERS_MS = 60_000;

const connect = ({ connectionString }: MigrateOptions): pg.Client =>
  new pg.Client({ connectionString, application_name: 'holdfast migrate', connectionTimeoutMillis: 5_000 });

/** Applies all pending migrations (`up`), or takes back the last one (`down`). Returns the names of those it ran. */
export async function migrate(
  direction: 'up' | 'down',
  options: MigrateOptions,
  count?: number,
): Promise<string[]> {
  const client = connect(options);
  try {
    await client.connect();
    // A migration that queues behind a long transaction would stop everybody who comes after it.
    await client.query(`SET lock_timeout = '5s'`);
    const { schema = 'public', log = () => undefined } = options;
    return await runWhenFree({
      dbClient: client,
      dir: FOLDER,
      direction,
      migrationsTable: MIGRATIONS_TABLE,
      schema,
      createSchema: schema !== 'public',
      singleTransaction: true,
      checkOrder: true,
      // `down` without a count takes back one; `up` without a count applies all.
      ...(count === undefined ? {} : { count }),
      log,
      verbose: false,
    });
  } catch (error) {
    const what = `could not migrate the database (${direction}): ${messageOf(error)}`;
    throw error instanceof HoldfastError
      ? error
      : new HoldfastError('postgres_unavailable', what, { cause: error });
  } finally {
    await client.end();
  }
}

/**
 * The runner takes an advisory lock and fails at once when another process has it; many processes may boot together.
 * (Its own waiting mode deadlocks with CREATE INDEX CONCURRENTLY.)
 */
async function runWhenFree(options: RunnerOption): Promise<string[]> {
  const giveUpAt = Date.now() + WAIT_FOR_OTHERS_MS;
  for (;;) {
    try {
      return (await runner(options)).map((migration) => migration.name);
    } catch (error) {
      if (!/another migration is already running/i.test(messageOf(error)) || Date.now() > giveUpAt)
        throw error;
      await wait(100 + Math.random() * 200);
    }
  }
}

/** Which migrations there are, in order, and which of them this database has. */
export async function readMigrationStatus(options: MigrateOptions): Promise<MigrationStatus[]> {
  const client = connect(options);
  await client.connect();
  try {
    const table = `${pg.escapeIdentifier(options.schema ?? 'public')}.${MIGRATIONS_TABLE}`;
    const { rows: found } = await client.query<{ exists: boolean }>(
      'SELECT to_regclass($1) IS NOT NULL AS exists',
      [table],
    );
    const applied = new Set<string>();
    if (found[0]?.exists) {
      const { rows } = await client.query<{ name: string }>(`SELECT name FROM ${table}`);
      for (const { name } of rows) applied.add(name);
    }
    const files = (await readdir(FOLDER)).filter((file) => !file.startsWith('.')).sort();
    return files
      .map((file) => file.replace(/\.\w+$/, ''))
      .map((name) => ({ name, isApplied: applied.has(name) }));
  } finally {
    await client.end();
  }
}
