import { Socket } from 'node:net';
import pg from 'pg';
import { createConnectionPool } from './connection-pool.js';
import { KeptPlans } from './kept-plans.js';
import { PostgresError } from './postgres-error.js';
import type { OwnTarget } from './query-target.js';
import { MOST_QUERY_MS } from './run-query.js';

export interface DatabaseOptions {
  /** `postgres://user:password@host:port/database` */
  readonly connectionString: string;
  /** Of the same database, past a pooler in transaction mode: for LISTEN, and for migrations. Default `connectionString`. */
  readonly directConnectionString?: string;
  /** Where Holdfast's tables are. Default `public`. */
  readonly schema?: string;
  /** Connections at most. Default 10. */
  readonly poolSize?: number;
  /** Shown in pg_stat_activity. Default `holdfast`. */
  readonly applicationName?: string;
}

export interface TransactionOptions {
  /** How long its statements wait for a lock, in milliseconds. Default: as the session does. */
  readonly mostLockWaitMs?: number;
}

/** A pool of connections to PostgreSQL. Every statement that fails throws a PostgresError. */
export interface Database extends OwnTarget {
  query<Row = Record<string, unknown>>(
    text: string,
    values?: unknown[],
  ): Promise<{ rows: Row[]; rowCount: number | null }>;
  /** Runs `work` between BEGIN and COMMIT; rolls back when it throws. */
  transaction<T>(work: (tx: OwnTarget) => Promise<T>, options?: TransactionOptions): Promise<T>;
  /** A connection of its own, outside the pool, for LISTEN. The signal ends it at once, whatever it does. */
  connectDirectly(signal: AbortSignal): Promise<pg.Client>;
  /** For a thread that makes its own connection. */
  readonly connectionConfig: pg.ClientConfig;
  readonly poolSize: number;
  readonly schema: string;
  close(): Promise<void>;
}

const INT8_OID = 20;
const INT8_ARRAY_OID = 1016;

const parserOf = pg.types.getTypeParser as (
  oid: number,
  format?: 'text' | 'binary',
) => (value: string) => unknown;

/** Ids are JSON integers; 2^53 of them outlast any installation. */
const types = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') => {
    if (oid === INT8_OID) return Number;
    if (oid === INT8_ARRAY_OID)
      return (text: string) => (text === '{}' ? [] : text.slice(1, -1).split(',').map(Number));
    return parserOf(oid, format);
  },
};

/** Plain values only: it must pass to a thread. */
function connectionConfig(options: DatabaseOptions): pg.ClientConfig {
  const { schema = 'public' } = options;
  return {
    connectionString: options.connectionString,
    application_name: options.applicationName ?? 'holdfast',
    // A pooler in transaction mode refuses start-up options, so that the default schema sends none.
    ...(schema === 'public' ? {} : { options: `-c search_path=${pg.escapeIdentifier(schema)}` }),
    keepAlive: true,
    connectionTimeoutMillis: 5_000,
  };
}

/** A host that vanishes in the middle of a transaction must not hold its locks until TCP gives up, hours later. */
const BEGIN = `BEGIN; SET LOCAL idle_in_transaction_session_timeout = '1min'`;

const begin = ({ mostLockWaitMs }: TransactionOptions) => ({
  text:
    mostLockWaitMs === undefined ? BEGIN : `${BEGIN}; SET LOCAL lock_timeout = ${Math.round(mostLockWaitMs)}`,
});
const COMMIT = { text: 'COMMIT' };
const ROLLBACK = { text: 'ROLLBACK' };

export function createDatabase(options: DatabaseOptions): Database {
  const { poolSize = 10, schema = 'public' } = options;
  const config = connectionConfig(options);
  const plans = new KeptPlans(schema);
  const { use: withClient, close } = createConnectionPool({ ...config, types, max: poolSize }, (client) =>
    plans.adopt(client),
  );

  const run = (client: pg.PoolClient, statement: pg.QueryConfig<unknown[]>, mayCommit = true) =>
    plans.run(client, statement).catch((error: unknown) => {
      throw new PostgresError(error, mayCommit);
    });

  function targetOn(client: pg.PoolClient, mayCommit: boolean): OwnTarget {
    return {
      query: (text, values = []) => run(client, { text, values }, mayCommit),
      async queryArrays<Row>(text: string, values: unknown[]) {
        const statement: pg.QueryArrayConfig<unknown[]> = { text, values, rowMode: 'array' };
        return (await run(client, statement, mayCommit)).rows as Row[];
      },
    };
  }

  return {
    connectionConfig: config,
    poolSize,
    schema,
    query: (text, values) => withClient((client) => targetOn(client, true).query(text, values)),
    queryArrays: (text, values) => withClient((client) => targetOn(client, true).queryArrays(text, values)),
    transaction: (work, limits = {}) =>
      withClient(async (client) => {
        // Whatever breaks before COMMIT is sent has stored nothing.
        await run(client, begin(limits), false);
        try {
          const result = await work(targetOn(client, false));
          await run(client, COMMIT);
          return result;
        } catch (error) {
          await run(client, ROLLBACK).catch(() => undefined);
          throw error;
        }
      }),
    connectDirectly: (signal) => {
      const { directConnectionString: connectionString = options.connectionString } = options;
      // Few statements are sent over it: pg's own limit will do.
      return connectOutsidePool({ ...config, connectionString, query_timeout: MOST_QUERY_MS }, signal);
    },
    close,
  };
}

/** With a socket of our own to end it by: `client.end()` waits for the other side, for ever when that is gone. */
async function connectOutsidePool(config: pg.ClientConfig, signal: AbortSignal): Promise<pg.Client> {
  signal.throwIfAborted();
  const socket = new Socket();
  signal.addEventListener('abort', () => socket.destroy(), { once: true });
  const client = new pg.Client({ ...config, stream: () => socket });
  client.on('error', () => undefined);
  await client.connect().catch((error: unknown) => {
    throw new PostgresError(error, false);
  });
  return client;
}
