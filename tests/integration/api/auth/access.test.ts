import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { composeApiProcess, type ApiProcess } from '../../../../api/main.js';
import { ConfigError, loadConfig } from '../../../../config/load-config.js';
import { openInstallation } from '../../../../shared/installation.js';
import { createKey } from '../../../../shared/keys/create-key.js';
import { revokeKey } from '../../../../shared/keys/revoke-key.js';
import type { LogFields, Logger } from '../../../../shared/observe/logger.js';
import { eventually } from '../../../support/eventually.js';
import { createTestInstallation, type TestInstallation } from '../../../support/test-installation.js';
import { startApi, type ApiServer, type ApiServerOptions } from '../test-api.js';
import { bearer } from './test-keys.js';

let db: TestInstallation;
const opened: { stop(): Promise<void> }[] = [];
beforeEach(async () => {
  db = await createTestInstallation({ redis: false });
});
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.stop();
  await db.close();
});

/** In a process of its own it would have an installation of its own. */
async function startOther(options?: ApiServerOptions): Promise<ApiServer> {
  const installation = await openInstallation({ postgres: { connectionString: db.connectionString } });
  opened.push({ stop: () => installation.close() });
  const api = await startApi(installation, options);
  opened.push(api);
  return api;
}
const admin = () => createKey(db.installation, { name: 'ops', role: 'admin' });

describe('with auto', () => {
  test('the API is open until there is a key; from then on it asks, in the process that made it at once', async () => {
    const api = await startOther();
    expect((await api.get('/api/jobs')).status).toBe(200);
    expect((await api.get('/api/jobs', bearer('whatever'))).status).toBe(200);
    const { body } = await api.post('/api/keys', { name: 'first', role: 'admin' });
    expect((await api.get('/api/jobs')).status).toBe(401);
    expect((await api.get('/api/keys', bearer(body.secret))).status).toBe(200);
    expect((await api.get('/health')).status).toBe(200);
    expect((await api.get('/api-docs')).status).toBe(200);
    expect((await api.get('/nowhere')).status).toBe(404);
  });

  test('another process learns of the first key within seconds', async () => {
    const api = await startOther();
    expect((await api.get('/api/jobs')).status).toBe(200);
    const { secret } = await admin();
    await eventually('it asks for a key', async () => (await api.get('/api/jobs')).status === 401, 15_000);
    expect((await api.get('/api/jobs', bearer(secret))).status).toBe(200);
  });

  test('revoking the last key opens nothing', async () => {
    const { key } = await admin();
    await revokeKey(db.installation, key.id);
    expect((await (await startOther()).get('/api/jobs')).status).toBe(401);
  });
});

test('with required it asks before there is any key', async () => {
  const api = await startOther({ auth: 'required' });
  const refused = await api.get('/api/jobs');
  expect(refused).toMatchObject({
    status: 401,
    body: { code: 'unauthenticated', error: expect.stringContaining('Authorization: Bearer hf_') },
  });
});

test('with off it asks nobody, and is not told who calls', async () => {
  const { secret } = await admin();
  const api = await startOther({ auth: 'off' });
  expect((await api.get('/api/keys')).status).toBe(200);
  const { body } = await api.post('/api/jobs', { job_type: 'x', payload: {} }, bearer(secret));
  expect(await db.sql('SELECT created_by FROM jobs WHERE id = $1', [body.job_id])).toEqual([
    { created_by: null },
  ]);
});

test('a body is not read before the caller is known', async () => {
  await admin();
  const api = await startOther();
  const answer = await api.ask('POST', '/api/jobs', '{"no json', { 'content-type': 'text/plain' });
  expect(answer.status).toBe(401);
});

describe('where others can reach the API', () => {
  const lines: { level: string; message: string; fields: LogFields | undefined }[] = [];
  const at = (level: string) => (message: string, fields?: LogFields) =>
    void lines.push({ level, message, fields });
  const logger: Logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  beforeEach(() => void lines.splice(0));
  /** Those about access; the servers of the suite are worth some of their own. */
  const warnings = () =>
    lines
      .filter(({ level, message }) => level === 'warn' && message.includes('API'))
      .map(({ message }) => message);

  async function start(host: string, auth?: string): Promise<ApiProcess> {
    const config = loadConfig({
      DATABASE_URL: db.connectionString,
      REDIS_URL: 'none',
      API_HOST: host,
      API_PORT: '0',
      ...(auth === undefined ? {} : { API_AUTH: auth }),
    });
    const api = await composeApiProcess(config, { logger });
    opened.push(api);
    await api.start();
    return api;
  }
  const statusAt = async (api: ApiProcess, headers = {}) =>
    (await fetch(`${api.url}/api/jobs`.replace('0.0.0.0', '127.0.0.1'), { headers })).status;

  test.each(['0.0.0.0', '::', '10.1.2.3', 'jobs.example.org'])(
    'it refuses to start on %s without a key, and says how to make one',
    async (host) => {
      for (const auth of [undefined, 'required']) {
        const error = await start(host, auth).catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(ConfigError);
        expect((error as Error).message).toMatch(
          /^configuration: API_HOST is \S+, which others can reach, .*`holdfast keys create ops --role admin`; or set API_AUTH=off/,
        );
      }
    },
  );

  test('it starts with a key, and asks for it', async () => {
    const { secret } = await admin();
    const api = await start('0.0.0.0');
    expect(await statusAt(api)).toBe(401);
    expect(await statusAt(api, bearer(secret))).toBe(200);
    // As nothing does but somebody with the database in their hands: still nobody is let in.
    await db.sql('DELETE FROM api_keys');
    expect(await statusAt(api)).toBe(401);
  });

  test('API_AUTH=off opens it, with a warning', async () => {
    const api = await start('0.0.0.0', 'off');
    expect(await statusAt(api)).toBe(200);
    expect(warnings()).toEqual([expect.stringContaining('whoever reaches this address may do anything')]);
  });

  test.each(['127.0.0.1', 'localhost'])('on %s it needs no key', async (host) => {
    expect(await statusAt(await start(host))).toBe(200);
    expect(warnings()).toEqual([]);
  });

  test('on loopback API_AUTH=required without a key is worth a warning', async () => {
    expect(await statusAt(await start('127.0.0.1', 'required'))).toBe(401);
    expect(warnings()).toEqual([expect.stringContaining('there is no API key yet')]);
  });
});
