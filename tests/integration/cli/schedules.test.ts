import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { startCliApi, WAYS, type CliApi } from './cli-api.js';
import { cleanUp } from './cli-process.js';

let api: CliApi;
const HTTP = 'over HTTP';
beforeAll(async () => {
  api = await startCliApi();
});
beforeEach(() => api.sql('DELETE FROM job_schedules'));
afterEach(cleanUp);
afterAll(() => api.close());

const create = (name: string, ...more: string[]) =>
  api.run(HTTP, ['schedules', 'create', name, '--job-type', 'report', '--cron', '0 3 * * *', ...more]);
const read = async () => (await api.sql('SELECT * FROM job_schedules'))[0];

test.each(WAYS)('create, list and show, %s: for people and for scripts', async (way) => {
  const made = await api.run(way, [
    ...[
      'schedules',
      'create',
      'nightly',
      '--job-type',
      'report',
      '--cron',
      '30 2 * * 1-5',
      '--payload',
      '{"a": 1}',
    ],
    ...'--timezone Europe/Paris --queue slow --priority 70 --misfire catch_up --max-catch-up 7 --overlap skip'.split(
      ' ',
    ),
  ]);
  expect(made).toEqual({
    code: 0,
    stdout: expect.stringMatching(
      /^schedule nightly is created; it fires \d{4}-\d\d-\d\d .* \((now|in \S+|\d+s ago)\)\n$/,
    ),
    stderr: '',
  });
  expect(await read()).toMatchObject({
    cron_expression: '30 2 * * 1-5',
    timezone: 'Europe/Paris',
    payload: { a: 1 },
    queue: 'slow',
    priority: 70,
    misfire_policy: 'catch_up',
    max_catch_up: 7,
    overlap_policy: 'skip',
    enabled: true,
  });
  const { code, stdout } = await api.run(way, 'schedules list');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^NAME +STATE +WHEN +NEXT +LAST +TYPE +QUEUE$/m);
  expect(stdout).toMatch(
    /^nightly +on +30 2 \* \* 1-5 \(Europe\/Paris\) +(now|in \S+|\d+s ago) +- +report +slow$/m,
  );
  const shown = await api.run(way, 'schedules show nightly');
  expect(shown.stdout).toMatch(/^Missed fires +catch_up, 7 at most$/m);
  expect(shown.stdout).toMatch(/^Next fires\n( {2}\w{3} \d{4}-\d\d-\d\d 02:30:00 GMT\+[12] .*\n){5}/m);
  const { body } = await api.runJson<{ schedule: { next_fires: string[] } }>(way, 'schedules show nightly');
  expect(body.schedule.next_fires).toHaveLength(5);
});

test('create refuses a name that is taken, set does not, update changes a part', async () => {
  await create('nightly');
  expect(await create('nightly')).toMatchObject({ code: 1, stderr: expect.stringContaining('nightly') });
  const set = await api.run(HTTP, 'schedules set nightly --job-type other --every 90m');
  expect(set).toMatchObject({ code: 0, stdout: expect.stringContaining('schedule nightly is set') });
  expect(await read()).toMatchObject({ job_type: 'other', interval_ms: 5_400_000, cron_expression: null });
  expect((await api.run(HTTP, ['schedules', 'update', 'nightly', '--cron', '@daily'])).code).toBe(0);
  expect(await read()).toMatchObject({ job_type: 'other', interval_ms: null, cron_expression: '@daily' });
});

test('disable, enable, run, delete', async () => {
  await create('nightly', '--disabled');
  expect((await api.run(HTTP, 'schedules list --disabled')).stdout).toMatch(/^nightly +off /m);
  expect((await api.run(HTTP, 'schedules enable nightly')).stdout).toBe('schedule nightly is enabled\n');
  expect((await api.runJson(HTTP, 'schedules disable nightly')).body).toMatchObject({
    schedule: { enabled: false },
  });
  expect(await api.run(HTTP, 'schedules run nightly')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^job \d+ is submitted\n$/),
  });
  expect(await api.sql('SELECT job_type FROM jobs')).toEqual([{ job_type: 'report' }]);
  expect((await api.run(HTTP, 'schedules show nightly')).stdout).toMatch(/fired, by hand/);
  expect((await api.run(HTTP, 'schedules delete nightly')).stdout).toBe('schedule nightly is deleted\n');
  expect((await api.run(HTTP, 'schedules list')).stdout).toBe('no schedules\n');
});

test('preview shows fires by the clocks of their zone', async () => {
  const line = ['schedules', 'preview', '--cron', '30 2 * * *', '--timezone', 'Asia/Kolkata', '--count', '3'];
  const { code, stdout } = await api.run(HTTP, line);
  expect(code).toBe(0);
  expect(stdout.trimEnd().split('\n')).toEqual(
    Array.from({ length: 3 }, () =>
      expect.stringMatching(/^\w{3} \d{4}-\d\d-\d\d 02:30:00 GMT\+5:30 \((now|in \d+[smhd]|\d+s ago)\)$/),
    ),
  );
});

test.each([
  [['schedules', 'show', 'nope'], 1, /there is no schedule "nope"/],
  [['schedules', 'create', 'x', '--job-type', 'a', '--cron', 'every day'], 2, /cron_expression: /],
  [
    ['schedules', 'create', 'x', '--job-type', 'a', '--cron', '@daily', '--timezone', 'Mars'],
    2,
    /timezone: /,
  ],
  [['schedules', 'create', 'x', '--cron', '@daily'], 2, /job_type: is required/],
  [['schedules', 'create', 'x', '--job-type', 'a', '--every', 'often'], 2, /--every.*must be a duration/],
  [
    ['schedules', 'create', 'x', '--job-type', 'a', '--cron', '@daily', '--misfire', 'panic'],
    2,
    /misfire_policy: /,
  ],
])('%j ends with %d', async (args, expected, message) => {
  const { code, stdout, stderr } = await api.run(HTTP, args);
  expect({ code, stdout }).toEqual({ code: expected, stdout: '' });
  expect(stderr).toMatch(message);
});
