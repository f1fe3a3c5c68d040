import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { startCliApi, type CliApi } from './cli-api.js';
import { cleanUp, emptyFolder, runCli } from './cli-process.js';

/** How the API is found, and what is said when it is not. */
let api: CliApi;
let other: Server;
let otherUrl: string;
beforeAll(async () => {
  api = await startCliApi();
  other = createServer((request, response) => {
    if (request.url === '/moved/api/queues')
      response.writeHead(301, { location: 'https://elsewhere.example/' });
    response.end('<html>Welcome</html>');
  }).listen(0, '127.0.0.1');
  await once(other, 'listening');
  otherUrl = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
});
afterEach(cleanUp);
afterAll(async () => {
  other.close();
  await api.close();
});

const NOBODY_THERE = 'http://127.0.0.1:1';
const absentDatabase = { DATABASE_URL: 'postgres://postgres:hunter2@127.0.0.1:1/app', REDIS_URL: 'none' };

describe('where it asks', () => {
  test('--api goes before HOLDFAST_API_URL, and that before the database', async () => {
    const { url } = api;
    expect((await runCli(['jobs', 'list', '--api', url], { HOLDFAST_API_URL: NOBODY_THERE })).code).toBe(0);
    expect((await runCli(['jobs', 'list'], { ...absentDatabase, HOLDFAST_API_URL: url })).code).toBe(0);
  });

  test('--direct asks the database, even where there is an API', async () => {
    const env = { ...api.env('straight at the database'), HOLDFAST_API_URL: NOBODY_THERE };
    expect((await runCli(['jobs', 'list', '--direct'], env)).code).toBe(0);
  });

  test('a .env file says it as well', async () => {
    const cwd = emptyFolder();
    writeFileSync(join(cwd, '.env'), `DATABASE_URL=${api.connectionString}\nREDIS_URL=none\n`);
    expect((await runCli(['jobs', 'list'], {}, cwd)).code).toBe(0);
  });

  test('an address may have a path in front of the API', async () => {
    const { stderr } = await runCli(['jobs', 'list', '--api', `${api.url}/jobs-api/`], {});
    expect(stderr).toEqual(expect.stringContaining('there is no GET /jobs-api/api/jobs'));
  });
});

describe('what ends with 1 and one line that says what to do', () => {
  test.each([
    [
      'nobody answers',
      () => ({ HOLDFAST_API_URL: NOBODY_THERE }),
      /no API answers at http:\/\/127\.0\.0\.1:1 .*ECONNREFUSED.*--api.*DATABASE_URL/,
    ],
    [
      'nothing is named, and this machine has no API',
      () => ({ API_PORT: '1' }),
      /no API answers at http:\/\/127\.0\.0\.1:1/,
    ],
    [
      'somebody else answers',
      () => ({ HOLDFAST_API_URL: otherUrl }),
      /is not Holdfast's API: it says 200\. Check --api/,
    ],
    [
      'the API has moved',
      () => ({ HOLDFAST_API_URL: `${otherUrl}/moved` }),
      /it says 301 and sends on to https:\/\/elsewhere\.example\//,
    ],
    [
      'the database is away',
      () => absentDatabase,
      /PostgreSQL cannot be used: .*ECONNREFUSED.* Check DATABASE_URL/,
    ],
  ])('%s', async (_what, env, message) => {
    const { code, stdout, stderr } = await runCli(['queues', 'list'], env());
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(stderr).not.toContain('hunter2');
  });
});

test.each([
  [['jobs', 'list', '--api', 'jobs.example.com'], /--api <url>.*must be an address like/],
  [['jobs', 'list', '--api', NOBODY_THERE, '--direct'], /cannot be used with/],
  [['jobs', 'lists'], /unknown command 'lists'/],
  [['jobs', 'list', '--state', 'x'], /unknown option '--state'/],
  [['jobs', 'show'], /missing required argument 'id'/],
])('%j is bad usage and ends with 2', async (args, message) => {
  const { code, stdout, stderr } = await runCli(args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(message);
});
