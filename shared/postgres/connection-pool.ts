import pg from 'pg';
import { PostgresError } from './postgres-error.js';

export interface ConnectionPool {
  /** Runs `work` on a connection of the pool. @throws PostgresError when there is none to be had; what `work` throws */
  readonly use: <T>(work: (client: pg.PoolClient) => Promise<T>) => Promise<T>;
  readonly close: () => Promise<void>;
}

/** pg's pool, without connections that are not to be trusted. */
export function createConnectionPool(config: pg.PoolConfig): ConnectionPool {
  const pool = new pg.Pool({ ...config, idleTimeoutMillis: 30_000 });
  const connectedAt = new WeakMap<pg.PoolClient, number>();
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
      if ((connectedAt.get(client) ?? 0) >= trustedSince) return client;
      client.release(true);
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
