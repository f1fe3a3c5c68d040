import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { openInstallation, type Installation } from '../../../../shared/installation.js';
import { createKey } from '../../../../shared/keys/create-key.js';
import { eventually } from '../../../support/eventually.js';
import { startProxyTo, type TcpProxy } from '../../../support/tcp-proxy.js';
import { createTestDatabase, type TestDatabase } from '../../../support/test-installation.js';
import { startApi, type ApiServer } from '../test-api.js';
import { bearer } from './test-keys.js';

/** PostgreSQL behind a wire that can be cut. */
let database: TestDatabase;
let proxy: TcpProxy & { readonly url: string };
let installation: Installation;
let api: ApiServer;
beforeEach(async () => {
  database = await createTestDatabase();
  proxy = await startProxyTo(database.connectionString);
  installation = await openInstallation({ postgres: { connectionString: proxy.url } });
  api = await startApi(installation);
});
afterEach(async () => {
  await api.stop();
  await installation.close();
  await proxy.close();
  await database.drop();
});

const create = async (name: string) =>
  bearer((await createKey(installation, { name, role: 'viewer' })).secret);
function cut(): void {
  proxy.refuse();
  proxy.cut();
}

test('with PostgreSQL away a key that nobody has looked up is 503, not 401; what is no key at all is 401', async () => {
  const stranger = await create('stranger');
  cut();
  const answer = await api.get('/metrics', stranger);
  expect(answer).toMatchObject({ status: 503, body: { code: 'postgres_unavailable' } });
  expect(answer.headers['retry-after']).toBe('2');
  expect((await api.get('/metrics', bearer('nonsense'))).status).toBe(401);
  expect((await api.get('/metrics')).status).toBe(401);
  expect((await api.get('/health/live')).status).toBe(200);
  proxy.accept();
  expect((await api.get('/metrics', stranger)).status).toBe(200);
});

test('a key that was good goes on, so that metrics tell of it, also after it would have been looked up again', async () => {
  const scraper = await create('prometheus');
  expect((await api.get('/metrics', scraper)).status).toBe(200);
  cut();
  const since = performance.now();
  await eventually('six seconds of scrapes', async () => {
    const { status, text } = await api.get('/metrics', scraper);
    expect([status, text.includes('postgres_up_gauge 0')]).toEqual([200, true]);
    return performance.now() - since > 6_000;
  });
});

test('a PostgreSQL that says nothing holds up nobody for long', async () => {
  const stranger = await create('stranger');
  proxy.freezeAll();
  const since = performance.now();
  const answer = await api.get('/metrics', stranger);
  expect(answer).toMatchObject({ status: 503, body: { code: 'postgres_unavailable' } });
  expect(performance.now() - since).toBeLessThan(8_000);
  proxy.thaw();
});

test('an open API stays as it was last known, and one that never asked says 503', async () => {
  expect((await api.get('/api/jobs')).status).toBe(200);
  const other = await startApi(installation);
  cut();
  expect((await api.get('/metrics')).status).toBe(200);
  expect((await other.get('/metrics')).status).toBe(503);
  proxy.accept();
  expect((await other.get('/metrics')).status).toBe(200);
  await other.stop();
});
