/** `scripts/smoke-test.sh` against a deployment of this suite's own: an API and a worker as processes. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import pg from 'pg';
import { findProgram } from '../../../servers/find-binaries.js';
import { packageRoot } from '../../../shared/package-root.js';
import { eventually } from '../../support/eventually.js';
import { createTestDatabase, type TestDatabase } from '../../support/test-installation.js';
import { cleanUp, FIXTURE, startCli, type CliProcess } from '../cli/cli-process.js';

const SCRIPT = join(packageRoot, 'scripts', 'smoke-test.sh');
const GREET = ['-t', 'greet', '-p', '{"name":"Ada"}'];

let database: TestDatabase;
let client: pg.Client;
let worker: CliProcess;
let url: string;

beforeAll(async () => {
  database = await createTestDatabase();
  client = new pg.Client(database.connectionString);
  await client.connect();
  const env = {
    DATABASE_URL: database.connectionString,
    REDIS_URL: process.env.HOLDFAST_TEST_REDIS_URL ?? 'none',
    API_PORT: '0',
  };
  const api = startCli(['api'], env);
  worker = startCli(['worker', '--handlers', FIXTURE], { ...env, COORDINATOR_ENABLED: 'false' });
  url = /http:\/\/[\d.:]+/.exec(await api.line(/API ready/))?.[0] ?? '';
  await worker.line(/worker ready/);
  await eventually('somebody leads', async () => (await component('coordinator')) === 'ok');
});
afterAll(async () => {
  await cleanUp();
  await client.end();
  await database.drop();
});

async function component(name: string): Promise<string | undefined> {
  const answer = await fetch(`${url}/health`);
  const { components } = (await answer.json()) as { components: Record<string, { status: string }> };
  return components[name]?.status;
}

async function smoke(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn('sh', [SCRIPT, ...args], { env: { PATH: process.env.PATH, ...env } });
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream].setEncoding('utf8').on('data', (text: string) => (output[stream] += text));
  const [code] = (await once(child, 'close')) as [number];
  return { code, ...output };
}

test('it sees a job run, another one cancelled, and metrics', async () => {
  const { code, stdout, stderr } = await smoke([...GREET, `${url}/`]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/ok {4}health: ok/);
  expect(stdout).toContain('      workers: ok');
  expect(stdout).toContain('      result: {"greeting":"Hello, Ada"}\n');
  expect(stdout).toMatch(/ok {4}metrics/);
  const { rows } = await client.query(
    `SELECT status::text FROM jobs WHERE tags = '{smoke-test}' ORDER BY id`,
  );
  expect(rows).toEqual([{ status: 'completed' }, { status: 'cancelled' }]);
});

test('it takes the address from where the command line takes it', async () => {
  expect(await smoke(GREET, { HOLDFAST_API_URL: url })).toMatchObject({ code: 0 });
});

test('a job that fails is a failure, with the job as it stands', async () => {
  const { code, stderr } = await smoke(['-t', 'greet', '-p', '{"name":7}', url]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^FAIL {2}run: job \d+ is failed\n/);
  expect(stderr).toContain('"error_message"');
});

test('a job that nobody takes is a failure when the time is over, and the reason is told', async () => {
  const { code, stderr } = await smoke(['-t', 'nobody_knows_it', '-w', '1', url]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^FAIL {2}run: job \d+ is still pending after 1 s\n {6}\S/);
});

test('an API that is not there is a failure', async () => {
  const { code, stderr } = await smoke(['http://127.0.0.1:1']);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^FAIL {2}GET \/health: no answer\n {6}curl: /);
});

test.each([
  [[], 'which url?'],
  [['localhost:3000'], 'the url must begin with http:// or https://, not: localhost:3000'],
  [['-w', 'soon', 'http://x'], '-w must be a whole number of seconds, not: soon'],
  [['-p', '[1]', 'http://x'], '-p must be a JSON object, not: [1]'],
  [['http://a', 'http://b'], 'one url, not 2'],
  [['-x', 'http://a'], 'usage: '],
])('called as %j it ends with 2 and says why', async (args, message) => {
  const { code, stderr } = await smoke(args);
  expect(code).toBe(2);
  expect(stderr).toContain(message);
});

describe('where keys are asked for', () => {
  const createKey = async (name: string, role: string, key?: string) => {
    const headers = { 'content-type': 'application/json', ...(key && { authorization: `Bearer ${key}` }) };
    const body = JSON.stringify({ name, role });
    const answer = await fetch(`${url}/api/keys`, { method: 'POST', headers, body });
    return ((await answer.json()) as { secret: string }).secret;
  };
  const keys = { viewer: '', operator: '' };
  beforeAll(async () => {
    const admin = await createKey('admin', 'admin');
    keys.viewer = await createKey('viewer', 'viewer', admin);
    keys.operator = await createKey('operator', 'operator', admin);
  });

  test('without one it says so, and how to make one', async () => {
    const { code, stderr } = await smoke([...GREET, url]);
    expect(code).toBe(1);
    expect(stderr).toContain(
      '401, the API wants a key\n      set HOLDFAST_API_KEY; make one with: holdfast keys create',
    );
  });

  test('one that may only look is not enough', async () => {
    const { code, stderr } = await smoke([...GREET, url], { HOLDFAST_API_KEY: keys.viewer });
    expect(code).toBe(1);
    expect(stderr).toContain('403, the key may not do that');
  });

  test('with one of an operator it sees a job run', async () => {
    expect(await smoke([...GREET, url], { HOLDFAST_API_KEY: keys.operator })).toMatchObject({ code: 0 });
  });
});

test('without workers it says so', async () => {
  worker.send('SIGTERM');
  await worker.ended;
  const { code, stderr } = await smoke([...GREET, url]);
  expect(code).toBe(1);
  expect(stderr).toContain('FAIL  health: no worker is alive\n      start one: holdfast worker\n');
});

const shellcheck = findProgram('shellcheck');
(shellcheck === null ? test.skip : test)('shellcheck finds nothing in the scripts', async () => {
  const scripts = ['smoke-test.sh', 'check-image-steps.sh'].map((name) => join(packageRoot, 'scripts', name));
  const child = spawn(shellcheck!, scripts, { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  const [code] = (await once(child, 'close')) as [number];
  expect({ code, said }).toEqual({ code: 0, said: '' });
});
