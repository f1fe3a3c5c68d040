/** The health check of the image against real processes. */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { findFreePort } from '../../../servers/free-port.js';
import { packageRoot } from '../../../shared/package-root.js';
import { startProxyTo } from '../../support/tcp-proxy.js';
import { createTestDatabase, type TestDatabase } from '../../support/test-installation.js';
import { cleanUp, startCli } from '../cli/cli-process.js';

const NOBODY = '1';

let database: TestDatabase;
let env: NodeJS.ProcessEnv;
beforeAll(async () => {
  database = await createTestDatabase();
  env = { DATABASE_URL: database.connectionString, REDIS_URL: 'none', COORDINATOR_ENABLED: 'false' };
});
afterEach(cleanUp);
afterAll(() => database.drop());

/** As the container runs it, with the same environment as its process. */
async function check(variables: NodeJS.ProcessEnv, ...args: string[]) {
  const script = join(packageRoot, 'scripts', 'healthcheck.mjs');
  const child = spawn(process.execPath, [script, ...args], { env: { PATH: process.env.PATH, ...variables } });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const [code] = (await once(child, 'close')) as [number];
  return { code, said };
}

test('an API that reaches PostgreSQL is well, and no longer when PostgreSQL is away', async () => {
  const proxy = await startProxyTo(database.connectionString);
  const ports = { API_PORT: String(await findFreePort()), METRICS_PORT: NOBODY };
  const api = startCli(['api'], { ...env, ...ports, DATABASE_URL: proxy.url });
  await api.line(/API ready/);
  expect(await check(ports)).toEqual({ code: 0, said: '' });
  proxy.refuse();
  proxy.cut();
  expect(await check(ports)).toEqual({
    code: 1,
    said: `unhealthy: http://127.0.0.1:${ports.API_PORT}/health answers 503\n`,
  });
  await proxy.close();
});

test.each(['worker', 'coordinator'])('a %s is found by its METRICS_PORT', async (role) => {
  const ports = { API_PORT: NOBODY, METRICS_PORT: String(await findFreePort()) };
  const started = startCli([role], { ...env, ...ports });
  await started.line(new RegExp(`${role} ready`));
  expect(await check(ports)).toEqual({ code: 0, said: '' });
  started.send('SIGTERM');
  await started.ended;
  expect(await check(ports)).toMatchObject({ code: 1, said: expect.stringContaining('nothing listens') });
});

test('a process that listens nowhere is not well, and the line says what was looked at', async () => {
  expect(await check({ API_PORT: '2', METRICS_PORT: 'off' })).toEqual({
    code: 1,
    said: 'unhealthy: nothing listens at http://127.0.0.1:2/health\n',
  });
});

test('what answers nothing is not well, before Docker loses its patience', async () => {
  const silent = createServer(() => undefined).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/health`;
  expect(await check({}, url)).toEqual({
    code: 1,
    said: `unhealthy: ${url} answers nothing within 4000 ms\n`,
  });
  silent.closeAllConnections();
  silent.close();
});
