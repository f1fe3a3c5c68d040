import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { runner } from 'node-pg-migrate';
import pg from 'pg';
import { HoldfastError, messageOf } from '../errors.js';
import { packageRoot } from '../package-root.js';

type Runner = typeof runner;

export interface MigrateOptions {
  readonly connectionString: string;
  /** Past a pooler; migrations take this where it is given. */
  readonly directConnectionString?: string;
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

async function connect(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString,
    application_name: 'holdfast migrate',
    connectionTimeoutMillis: 5_000,
  });
  // A connection that breaks rejects its query, and emits an error besides.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/**
 * Applies migrations (`up`), or takes them back (`down`). Any number of processes may at once.
 *
 * @param count how many. Default: all that are pending, or the last one
 * @returns the names of those it ran
 * @throws HoldfastError `postgres_unavailable`, whatever the reason
 */
export async function migrate(
  direction: 'up' | 'down',
  options: MigrateOptions,
  count?: number,
): Promise<string[]> {
  // Loaded when it is needed: the library brings much along, and most processes never migrate.
  const migrator = await import('node-pg-migrate');
  let client: pg.Client | undefined;
  try {
    client = await connect(options.directConnectionString ?? options.connectionString);
    await beginAlone(client, migrator.PG_MIGRATE_LOCK_ID);
    return await runMigrations(migrator.runner, client, direction, options, count);
  } catch (error) {
    const what = `could not migrate the database (${direction}): ${messageOf(error)}`;
    throw new HoldfastError('postgres_unavailable', what, { cause: error });
  } finally {
    // With it ends the transaction, if it is still open.
    await client?.end();
  }
}

/**
 * Begins a transaction once no other process migrates; many may boot together. The lock belongs to the transaction: one of
 * the session, as the runner takes it, would be left on whichever connection a pooler in transaction mode lends us for that
 * statement. Both are the same lock, so that the runners of older versions keep out too. Waiting for it inside of
 * PostgreSQL would keep a pooler's connections from those who work.
 */
async function beginAlone(client: pg.Client, lockId: number): Promise<void> {
  const giveUpAt = Date.now() + WAIT_FOR_OTHERS_MS;
  for (;;) {
    // What another process has just committed must be seen after the lock is ours, whatever the database's default.
    await client.query('BEGIN ISOLATION LEVEL READ COMMITTED');
    const { rows } = await client.query<{ isOurs: boolean }>(
      `SELECT pg_try_advisory_xact_lock(${lockId}) AS "isOurs"`,
    );
    if (rows[0]?.isOurs) return;
    await client.query('ROLLBACK');
    if (Date.now() > giveUpAt)
      throw new Error(`another process has been migrating for ${WAIT_FOR_OTHERS_MS / 1_000} s`);
    await wait(100 + Math.random() * 200);
  }
}

/**
 * All in the transaction that is open, settings included: a pooler would show them to whoever has the connection next.
 * A migration that cannot run in a transaction (CREATE INDEX CONCURRENTLY) would end it, and the lock: there is none.
 */
async function runMigrations(
  runner: Runner,
  client: pg.Client,
  direction: 'up' | 'down',
  { schema = 'public', log = () => undefined }: MigrateOptions,
  count?: number,
): Promise<string[]> {
  // A migration that queues behind a long transaction would stop everybody who comes after it.
  await client.query(`SET LOCAL lock_timeout = '5s'`);
  const quotedSchema = pg.escapeIdentifier(schema);
  if (schema !== 'public') await client.query(`CREATE SCHEMA IF NOT EXISTS ${quotedSchema}`);
  await client.query(`SET LOCAL search_path TO ${quotedSchema}`);
  const ran = await runner({
    dbClient: client,
    dir: FOLDER,
    direction,
    migrationsTable: MIGRATIONS_TABLE,
    migrationsSchema: schema,
    noLock: true,
    // Its BEGIN finds ours, which is no more than a warning; its COMMIT ends it.
    singleTransaction: true,
    checkOrder: true,
    // `down` without a count takes back one; `up` without a count applies all.
    ...(count === undefined ? {} : { count }),
    log,
    verbose: false,
  });
  if (ran.length === 0) await client.query('COMMIT');
  return ran.map(({ name }) => name);
}

/** Which migrations there are, in order, and which of them this database has. */
export async function readMigrationStatus(options: MigrateOptions): Promise<MigrationStatus[]> {
  const client = await connect(options.connectionString);
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
