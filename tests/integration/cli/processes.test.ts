import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { createTestDatabase, type TestDatabase } from '../../support/test-installation.js';
import { cleanUp, FIXTURE, startCli } from './cli-process.js';

let database: TestDatabase;
let env: NodeJS.ProcessEnv;
beforeAll(async () => {
  database = await createTestDatabase();
  env = { DATABASE_URL: database.connectionString, REDIS_URL: 'none', API_PORT: '0' };
});
afterEach(cleanUp);
afterAll(() => database.drop());

test('the API serves, carries a coordinator, and ends with 0 at SIGTERM', async () => {
  const api = startCli(['api'], env);
  const [url = ''] = /http:\/\/[\d.:]+/.exec(await api.line(/API ready/)) ?? [];
  expect((await fetch(`${url}/health`)).status).toBe(200);
  api.send('SIGTERM');
  expect((await api.ended).code).toBe(0);
});

test('an API whose port is taken says so and ends with 1', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const { code, stderr } = await startCli(['api'], { ...env, API_PORT: String(port) }).ended;
  other.close();
  expect(code).toBe(1);
  expect(stderr).toContain(`API_PORT cannot be used: port ${port} of 127.0.0.1 is taken`);
});

test('a coordinator runs alone and ends with 0 at SIGINT', async () => {
  const coordinator = startCli(['coordinator'], env);
  await coordinator.line(/coordinator ready/);
  coordinator.send('SIGINT');
  expect((await coordinator.ended).code).toBe(0);
});

test('dev runs all of it and prints the addresses', async () => {
  const dev = startCli(['dev', '--handlers', FIXTURE], {
    ...env,
    METRICS_PORT: '0',
    LOG_FORMAT: 'text',
  });
  const line = await dev.line(/^ +API +http/);
  await dev.line(/Holdfast is up/);
  const [url = ''] = /http:\/\/[\d.:]+/.exec(line) ?? [];
  expect((await fetch(`${url}/health`)).status).toBe(200);
  dev.send('SIGINT');
  expect((await dev.ended).code).toBe(0);
});
