import { HoldfastError } from './errors.js';
import { createEventHub, type EventHub } from './observe/events.js';
import { silentLogger, type Logger } from './observe/logger.js';
import { createDatabase, type Database, type DatabaseOptions } from './postgres/create-database.js';
import { isPostgresError } from './postgres/postgres-error.js';
import type { RedisAddress } from './redis/connect-redis.js';
import type { ConnectionListener } from './redis/connection-errors.js';
import { openLanes, type Lanes } from './redis/lanes.js';
import { Seal } from './seal.js';

/** One Holdfast: its tables, its lanes, and who listens. Everything that acts on jobs is given one. */
export interface Installation {
  readonly id: string;
  readonly db: Database;
  /** Null: PostgreSQL-only dispatch. */
  readonly lanes: Lanes | null;
  /** For what goes through Redis and is more than an id. */
  readonly seal: Seal;
  readonly events: EventHub;
  readonly logger: Logger;
  /** For submits that leave these open; plain SQL has the columns' own defaults. */
  readonly jobDefaults: JobDefaults;
  close(): Promise<void>;
}

export interface JobDefaults {
  /** Default 3. */
  readonly maxRetries?: number;
  /** Milliseconds. Default 300,000. */
  readonly timeoutMs?: number;
  /** The largest payload, and the largest metadata, in bytes of JSON. Default 1,048,576 (1 MiB). */
  readonly maxPayloadBytes?: number;
}

export interface InstallationOptions {
  readonly postgres: DatabaseOptions;
  /** Null, or left out: no Redis; workers claim from PostgreSQL. */
  readonly redis?: RedisAddress | null;
  /** Before every key in Redis. Default `job:`. */
  readonly redisPrefix?: string;
  readonly logger?: Logger;
  readonly events?: EventHub;
  /** What holds for submits that do not say, and how large a job may be. */
  readonly jobDefaults?: JobDefaults;
}

/**
 * Connects to PostgreSQL and Redis.
 *
 * @throws HoldfastError `postgres_unavailable` when PostgreSQL does not answer, `not_migrated` when it has no tables of
 *   Holdfast. An absent Redis is no error.
 */
export async function openInstallation(options: InstallationOptions): Promise<Installation> {
  const {
    redisPrefix: prefix = 'job:',
    logger = silentLogger,
    events = createEventHub(),
    jobDefaults = {},
  } = options;
  const db = createDatabase(options.postgres);
  try {
    const { id, sealKey } = await readInstallation(db);
    const listener: ConnectionListener = {
      onLost: (error) => events.emit('redisLost', { error }),
      onFound: () => events.emit('redisFound'),
    };
    const keySpace = { prefix, installationId: id };
    const lanes = options.redis ? await openLanes(options.redis, keySpace, listener) : null;
    return {
      id,
      db,
      lanes,
      seal: new Seal(sealKey),
      events,
      logger,
      jobDefaults,
      close: async () => {
        await lanes?.close();
        await db.close();
      },
    };
  } catch (error) {
    await db.close();
    throw error;
  }
}

const UNDEFINED_TABLE = '42P01';
const UNDEFINED_COLUMN = '42703';

const READ_INSTALLATION = `
  SELECT i.id, i.seal_key AS "sealKey", n.nspname AS schema,
         (SELECT o.nspname FROM pg_class j JOIN pg_namespace o ON o.oid = j.relnamespace WHERE j.oid = to_regclass('jobs')) AS "schemaOfJobs"
    FROM installation i JOIN pg_class c ON c.oid = i.tableoid JOIN pg_namespace n ON n.oid = c.relnamespace`;

interface Found {
  readonly id: string;
  readonly sealKey: Buffer;
  readonly schema: string;
  readonly schemaOfJobs: string;
}

async function readInstallation(db: Database): Promise<{ id: string; sealKey: Buffer }> {
  try {
    const found = (await db.query<Found>(READ_INSTALLATION)).rows[0];
    if (found && found.schema !== db.schema) throw wrongSchema(found.schema, db.schema);
    if (found && found.schemaOfJobs !== db.schema) throw otherJobs(found.schemaOfJobs, db.schema);
    if (found) return found;
    throw new HoldfastError(
      'not_migrated',
      'table "installation" is empty: run `holdfast migrate down` and `up` on a new database',
    );
  } catch (error) {
    if (!isPostgresError(error)) throw error;
    if (error.sqlState === UNDEFINED_COLUMN) {
      const what = `the Holdfast tables in schema "${db.schema}" are those of an earlier version: run \`holdfast migrate up\``;
      throw new HoldfastError('not_migrated', what, { cause: error });
    }
    if (error.sqlState === UNDEFINED_TABLE) {
      const what = `the database has no Holdfast tables in schema "${db.schema}": run \`holdfast migrate up\`${hintOf(db.schema)}`;
      throw new HoldfastError('not_migrated', what, { cause: error });
    }
    const what = `PostgreSQL cannot be used: ${error.message}. Check DATABASE_URL (or POSTGRES_*) and that the server runs`;
    throw new HoldfastError('postgres_unavailable', what, { cause: error });
  }
}

/** What a pooler ignores of a connection's wishes is missed here first. */
const hintOf = (schema: string) =>
  schema === 'public'
    ? ''
    : '. If that is done, a pooler in between keeps the search_path from PostgreSQL: see docs/pgbouncer.md';

const wrongSchema = (found: string, wanted: string) =>
  new HoldfastError(
    'not_migrated',
    `connections see Holdfast's tables in schema "${found}", but DATABASE_SCHEMA is "${wanted}": correct it, or the search_path ` +
      `of the role or database${hintOf(wanted)}`,
  );

/** Behind a pooler, where connections cannot say which schema comes first. */
const otherJobs = (found: string, wanted: string) =>
  new HoldfastError(
    'not_migrated',
    `connections find a table "jobs" in schema "${found}" before Holdfast's in "${wanted}": let the search_path of the role or database ` +
      `begin with "${wanted}"`,
  );
