import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { openInstallation } from '../../../../shared/installation.js';
import { createKey } from '../../../../shared/keys/create-key.js';
import { createTestDatabase, type TestDatabase } from '../../../support/test-installation.js';
import { cleanUp, startCli } from '../../cli/cli-process.js';
import { bearer } from './test-keys.js';

let database: TestDatabase;
let env: NodeJS.ProcessEnv;
beforeAll(async () => {
  database = await createTestDatabase();
  env = { DATABASE_URL: database.connectionString, REDIS_URL: 'none', API_PORT: '0', API_HOST: '0.0.0.0' };
});
afterEach(cleanUp);
afterAll(() => database.drop());

test('`holdfast api` beyond loopback ends with one clear line until there is a key, and then asks for it', async () => {
  const refused = await startCli(['api'], { ...env, LOG_FORMAT: 'text' }).ended;
  expect(refused.code).toBe(1);
  expect(refused.stderr.split('\n').filter((line) => line.startsWith('holdfast:'))).toEqual([
    'holdfast: configuration: API_HOST is 0.0.0.0, which others can reach, and there is no API key yet: create one with ' +
      '`holdfast keys create ops --role admin`; or set API_AUTH=off where something else keeps strangers out',
  ]);

  const installation = await openInstallation({ postgres: { connectionString: database.connectionString } });
  const { secret } = await createKey(installation, { name: 'ops', role: 'admin' });
  await installation.close();
  const api = startCli(['api'], env);
  const [, port = ''] = /http:\/\/[\d.]+:(\d+)/.exec(await api.line(/API ready/)) ?? [];
  const status = async (headers = {}) =>
    (await fetch(`http://127.0.0.1:${port}/api/jobs`, { headers })).status;
  expect(await status()).toBe(401);
  expect(await status(bearer(secret))).toBe(200);
  api.send('SIGTERM');
  expect((await api.ended).code).toBe(0);
});
