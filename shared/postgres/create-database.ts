import pg from 'pg';
import { PostgresError } from './postgres-error.js';
import type { QueryTarget } from './query-target.js';

export interface DatabaseOptions {
  /** `postgres://user:password@host:port/database` */
  readonly connectionString: string;
  /** Where Holdfast's tables are. Default `public`. */
  readonly schema?: string;
  /** Connections at most. Default 10. */
  readonly poolSize?: number;
  /** Shown in pg_stat_activity. Default `holdfast`. */
  readonly applicationName?: string;
}

/** A pool of connections to PostgreSQL. Every statement that fails throws a PostgresError. */
export interface Database extends QueryTarget {
  query<Row = Record<string, unknown>>(
    text: string,
    values?: unknown[],
  ): Promise<{ rows: Row[]; rowCount: number | null }>;
  /** Runs `work` between BEGIN and COMMIT; rolls back when it throws. */
  transaction<T>(work: (tx: QueryTarget) => Promise<T>): Promise<T>;
  /** A connection of its own, outside the pool, for LISTEN. The caller ends it. */
  connectDirectly(): Promise<pg.Client>;
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
    // A half-open connection must not hold a batch for ever. No statement of ours comes near this.
    query_timeout: 30_000,
  };
}

export function createDatabase(options: DatabaseOptions): Database {
  const { poolSize = 10, schema = 'public' } = options;
  const config = connectionConfig(options);
  const pool = new pg.Pool({ ...config, types, max: poolSize, idleTimeoutMillis: 30_000 });
  // An idle connection that breaks is replaced by the pool; without a listener the process would end.
  pool.on('error', () => undefined);
  // One that breaks while it is in use rejects its query, and emits an error besides.
  pool.on('connect', (client) => void client.on('error', () => undefined));

  async function withClient<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await pool.connect().catch((error: unknown) => {
      throw new PostgresError(error, false);
    });
    try {
      const result = await work(client);
      client.release();
      return result;
    } catch (error) {
      const translated = error instanceof PostgresError ? error : undefined;
      client.release(translated?.kind === 'unavailable');
      throw error;
    }
  }

  const run = (client: pg.PoolClient, text: string, values?: unknown[]) =>
    client.query(text, values).catch((error: unknown) => {
      throw new PostgresError(error, true);
    });

  return {
    connectionConfig: config,
    poolSize,
    schema,
    query: <Row>(text: string, values?: unknown[]) =>
      withClient((client) => run(client, text, values) as Promise<{ rows: Row[]; rowCount: number | null }>),
    transaction: (work) =>
      withClient(async (client) => {
        await run(client, 'BEGIN');
        try {
          const result = await work({ query: (text, values) => run(client, text, values) });
          await run(client, 'COMMIT');
          return result;
        } catch (error) {
          await run(client, 'ROLLBACK').catch(() => undefined);
          throw error;
        }
      }),
    connectDirectly: async () => {
      const client = new pg.Client({ ...config, query_timeout: 0 });
      client.on('error', () => undefined);
      await client.connect().catch((error: unknown) => {
        throw new PostgresError(error, false);
      });
      return client;
    },
    close: () => (pool.ended ? Promise.resolve() : pool.end()),
  };
}
