import pg from 'pg';
import { PostgresError } from './postgres-error.js';

export interface ConnectionPool {
  /** Runs `work` on a connection of the pool. @throws PostgresError when there is none to be had; what `work` throws */
  readonly use: <T>(work: (client: pg.PoolClient) => Promise<T>) => Promise<T>;
  readonly close: () => Promise<void>;
}

/** pg's pool, without connections that are not to be trusted. `adopt` is run on each new connection before its first use. */
export function createConnectionPool(
  config: pg.PoolConfig,
  adopt: (client: pg.PoolClient) => Promise<void>,
): ConnectionPool {
  const pool = new pg.Pool({ ...config, idleTimeoutMillis: 30_000 });
  const connectedAt = new WeakMap<pg.PoolClient, number>();
  const adopted = new WeakSet<pg.PoolClient>();
  let trustedSince = 0;
  // An idle connection that breaks is replaced by the pool; without a listener the process would end.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => {
    // One that breaks while it is in use rejects its query, and emits an error besides.
    client.on('error', () => undefined);
    connectedAt.set(client, performance.now());
  });

  async function checkOut(): Promise<pg.PoolClient> {
    for (;;) {
      const client = await pool.connect();
      if ((connectedAt.get(client) ?? 0) < trustedSince) client.release(true);
      else return adopted.has(client) ? client : makeReady(client);
    }
  }

  async function makeReady(client: pg.PoolClient): Promise<pg.PoolClient> {
    try {
      await adopt(client);
      adopted.add(client);
      return client;
    } catch (error) {
      client.release(true);
      throw error;
    }
  }

  return {
    async use(work) {
      const client = await checkOut().catch((error: unknown) => {
        throw new PostgresError(error, false);
      });
      try {
        const result = await work(client);
        client.release();
        return result;
      } catch (error) {
        const isBroken = error instanceof PostgresError && error.kind === 'unavailable';
        // No answer at all: where one connection is half open, those made before it are too. Each would cost another timeout.
        if (isBroken && error.sqlState === undefined) trustedSince = performance.now();
        client.release(isBroken);
        throw error;
      }
    },
    close: () => (pool.ended ? Promise.resolve() : pool.end()),
  };
}
