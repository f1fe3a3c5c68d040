import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startCliApi, type CliApi } from './cli-api.js';
import { cleanUp, emptyFolder, runCli } from './cli-process.js';

let api: CliApi;
beforeAll(async () => {
  api = await startCliApi();
});
afterEach(cleanUp);
afterAll(() => api.close());

const HTTP = 'over HTTP';
const DIRECT = 'straight at the database';

test('keys are made at the database, asked for over HTTP, listed without their secrets, and revoked', async () => {
  const made = await api.run(DIRECT, 'keys create boss --role admin');
  expect(made).toMatchObject({ code: 0, stderr: expect.stringContaining('it is not shown again') });
  // The secret alone, so that it can go into a variable.
  expect(made.stdout).toMatch(/^hf_\S+\n$/);
  const secret = made.stdout.trim();
  const withKey = { ...api.env(HTTP), HOLDFAST_API_KEY: secret };

  // From now on the API wants one; whoever has the database's password needs none.
  const refused = await api.run(HTTP, 'jobs list');
  expect({ code: refused.code, stdout: refused.stdout }).toEqual({ code: 1, stdout: '' });
  expect(refused.stderr).toMatch(
    /an API key is needed.*HOLDFAST_API_KEY, HOLDFAST_API_KEY_FILE or --api-key/,
  );
  expect((await api.run(DIRECT, 'jobs list')).code).toBe(0);

  expect((await runCli(['jobs', 'list'], withKey)).code).toBe(0);
  expect((await runCli(['jobs', 'list', '--api-key', secret], api.env(HTTP))).code).toBe(0);
  const file = join(emptyFolder(), 'key');
  writeFileSync(file, `${secret}\n`);
  expect((await runCli(['jobs', 'list'], { ...api.env(HTTP), HOLDFAST_API_KEY_FILE: file })).code).toBe(0);
  expect(await runCli(['jobs', 'list', '--api-key', 'hf_wrong'], api.env(HTTP))).toMatchObject({
    code: 1,
    stdout: '',
  });

  const viewer = await runCli(
    ['keys', 'create', 'eye', '--role', 'viewer', '--expires-in', '90d', '--json'],
    withKey,
  );
  const created = JSON.parse(viewer.stdout) as { key: { id: number; expires_at: string }; secret: string };
  expect(Date.parse(created.key.expires_at) / 86_400_000).toBeCloseTo(Date.now() / 86_400_000 + 90, 1);
  const forbidden = await runCli(['jobs', 'cancel', '1', '--api-key', created.secret], api.env(HTTP));
  expect(forbidden).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/needs the role operator.*Use a key of a role/),
  });

  const list = await runCli(['keys', 'list'], withKey);
  expect(list.stdout).toMatch(/^ *ID +NAME +ROLE +BEGINS +CREATED +USED +ENDS$/m);
  expect(list.stdout).toMatch(/ eye +viewer +hf_\S+ +\S.* +in 89d$/m);
  expect(list.stdout).not.toContain(secret);
  expect(await runCli(['keys', 'revoke', `${created.key.id}`], withKey)).toMatchObject({
    code: 0,
    stderr: '',
  });
  expect((await runCli(['jobs', 'list', '--api-key', created.secret], api.env(HTTP))).code).toBe(1);
  expect((await runCli(['keys', 'list'], withKey)).stdout).toMatch(/ eye .* revoked (now|\d+s ago)$/m);
}, 90_000);

test.each([
  ['keys create x', 2, /required option '--role <role>' not specified/],
  ['keys create x --role king', 2, /role: /],
  ['keys create x! --role viewer', 2, /name: must be/],
  ['keys create x --role viewer --expires-at soon', 2, /expires_at: must be an ISO 8601 time/],
  ['keys create x --role viewer --expires-in 1d --expires-at 2030-01-31T09:00:00Z', 2, /cannot be used with/],
  ['keys revoke 999', 1, /there is no key 999/],
])('%s ends with %d', async (line, expected, message) => {
  const { code, stdout, stderr } = await api.run(DIRECT, line);
  expect({ code, stdout }).toEqual({ code: expected, stdout: '' });
  expect(stderr).toMatch(message);
});
