import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { expect, test } from '@jest/globals';
import { createDatabase } from '../../shared/postgres/create-database.js';
import { eventually } from '../support/eventually.js';

/** Between a client and PostgreSQL; what passes can be cut. */
async function startProxy(target: URL) {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    client.pipe(upstream).pipe(client);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => sockets.delete(socket));
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = (how: 'destroy' | 'resetAndDestroy') => sockets.forEach((socket) => socket[how]());
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    close: () => {
      cut('destroy');
      server.close();
    },
  };
}

test.each(['destroy', 'resetAndDestroy'] as const)(
  'a connection that breaks during a query (%s) rejects that query as unavailable, and the process lives',
  async (how) => {
    const url = new URL(process.env.HOLDFAST_TEST_POSTGRES_URL ?? '');
    const proxy = await startProxy(new URL(url));
    url.port = String(proxy.port);
    url.hostname = '127.0.0.1';
    const db = createDatabase({ connectionString: url.href, poolSize: 2 });
    const uncaught: unknown[] = [];
    const catchIt = (error: unknown) => uncaught.push(error);
    process.on('uncaughtException', catchIt);
    try {
      await db.query('SELECT 1');
      const broken = expect(db.query('SELECT pg_sleep(30)')).rejects.toMatchObject({
        kind: 'unavailable',
        wasSent: true,
      });
      await eventually('the query runs', async () => {
        const { rows } = await db.query(`SELECT 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(30)'`);
        return rows.length > 0;
      });
      proxy.cut(how);
      await broken;
      await eventually('another connection is made', () => db.query('SELECT 1').catch(() => undefined));
      expect(uncaught).toEqual([]);
    } finally {
      process.off('uncaughtException', catchIt);
      await db.close();
      proxy.close();
    }
  },
);
