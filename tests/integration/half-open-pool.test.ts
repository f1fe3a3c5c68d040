import { expect, test } from '@jest/globals';
import { createDatabase } from '../../shared/postgres/create-database.js';
import { startProxyTo } from '../support/tcp-proxy.js';

test('where one connection is half-open the others made before are not tried one by one', async () => {
  const proxy = await startProxyTo(process.env.HOLDFAST_TEST_POSTGRES_URL ?? '');
  const db = createDatabase({ connectionString: proxy.url, poolSize: 5 });
  try {
    await Promise.all(Array.from({ length: 5 }, () => db.query('SELECT pg_sleep(0.1)')));
    expect(proxy.connectionCount).toBe(5);
    proxy.freezeExisting();
    await expect(db.query('SELECT 1')).rejects.toMatchObject({ kind: 'unavailable', wasSent: true });
    expect((await db.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  } finally {
    await proxy.close();
    await db.close();
  }
}, 60_000);
