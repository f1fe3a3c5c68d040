import { afterEach, describe, expect, test } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageVersion } from '../../../shared/package-root.js';
import { cleanUp, emptyFolder, runCli } from './cli-process.js';

afterEach(cleanUp);

const NOBODY_THERE = {
  DATABASE_URL: 'postgres://postgres:hunter2@127.0.0.1:1/app',
  REDIS_URL: 'none',
  LOG_FORMAT: 'text',
};

test('--version and --help answer and end with 0', async () => {
  expect(await runCli(['--version'])).toMatchObject({ code: 0, stdout: `${packageVersion}\n` });
  const help = await runCli(['worker', '--help']);
  expect(help.code).toBe(0);
  expect(help.stdout).toContain('Examples:');
});

describe('bad usage ends with 2', () => {
  test.each([
    [['sideways'], /unknown command 'sideways'/],
    [['migrate', 'sideways'], /Allowed choices are up, down, status/],
    [['worker', '--concurrency', 'many'], /must be a whole number from 1 to 10000/],
    [['worker', '--queues', 'A b'], /must be queues like a,b/],
    [['worker', '--fast'], /unknown option '--fast'/],
  ])('%j', async (args, message) => {
    const { code, stderr, stdout } = await runCli(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
  });
});

test('bad configuration ends with 1 and one report of all faults', async () => {
  const { code, stderr } = await runCli(['worker'], {
    ...NOBODY_THERE,
    API_PORT: 'http',
    WORKER_DEAD_AFTER: '1000',
    REDIS_SENTINELS: 'here:26379',
  });
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^holdfast: configuration: 3 faults\n {2}- API_PORT .*\n {2}- WORKER_DEAD_AFTER .*\n {2}- REDIS_URL .*\n$/,
  );
});

test('a .env file in the working directory is read, and the environment wins over it', async () => {
  const cwd = emptyFolder();
  writeFileSync(join(cwd, '.env'), 'API_PORT=from-file\nLOG_LEVEL=from-file\n');
  const { code, stderr } = await runCli(['api'], { ...NOBODY_THERE, LOG_LEVEL: 'from-environment' }, cwd);
  expect(code).toBe(1);
  expect(stderr).toContain('API_PORT must be a whole number from 0 to 65535 (it is "from-file")');
  expect(stderr).toContain('(it is "from-environment")');
});

describe('an absent PostgreSQL ends the start with 1 and one line', () => {
  test.each(['migrate', 'api', 'worker', 'coordinator'])('%s', async (command) => {
    const { code, stderr } = await runCli([command], NOBODY_THERE);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^holdfast: PostgreSQL cannot be used: .*ECONNREFUSED.* Check DATABASE_URL.*\n$/);
    expect(stderr).not.toContain('hunter2');
  });

  test('and LOG_LEVEL=debug shows the stack', async () => {
    const { stderr } = await runCli(['worker'], { ...NOBODY_THERE, LOG_LEVEL: 'debug' });
    expect(stderr).toMatch(/\n {4}at /);
    expect(stderr).not.toContain('hunter2');
  });
});

describe('a service that cannot start says so in its log, one JSON object, where that is JSON', () => {
  const fromLog = async (args: string[], env: NodeJS.ProcessEnv) => {
    const { code, stdout, stderr } = await runCli(args, { ...NOBODY_THERE, ...env });
    expect(stdout).toBe('');
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    return { ended: code, ...(JSON.parse(stderr) as object) };
  };

  test.each(['api', 'worker', 'coordinator'])('%s', async (role) => {
    const failed = { role, level: 'error', message: 'this process cannot start' };
    expect(await fromLog([role], { LOG_FORMAT: 'json' })).toMatchObject({
      ...failed,
      ended: 1,
      error: expect.stringMatching(/^PostgreSQL cannot be used: .* Check DATABASE_URL/),
      code: 'postgres_unavailable',
      timestamp: expect.any(String),
    });
    // What no terminal reads is JSON unless the format says otherwise; so it is when the configuration is what is wrong.
    expect(await fromLog([role], { LOG_FORMAT: '', API_PORT: 'http' })).toMatchObject({
      ...failed,
      ended: 1,
      error: 'configuration: API_PORT must be a whole number from 0 to 65535 (it is "http")',
    });
  });

  test('wrong input ends with 2, and LOG_LEVEL=debug shows the stack', async () => {
    const env = { LOG_FORMAT: 'json', LOG_LEVEL: 'debug' };
    expect(await fromLog(['worker', '--handlers', './nope.js'], env)).toMatchObject({
      ended: 2,
      error: expect.stringMatching(/^--handlers: handler module \.\/nope\.js is missing/),
      detail: expect.stringMatching(/\n {4}at /),
    });
  });
});

describe('a handler module that cannot be used is told apart', () => {
  const modules: Record<string, string> = {
    'no-default.mjs': 'export const job = {};',
    'empty.mjs': 'export default [];',
    'no-job.mjs': "export default [{ type: 'x', run() {} }];",
    'broken.mjs': "import 'no-such-package-anywhere';",
    'no-schedule.mjs':
      "export default { type: 'x', payload: { safeParse() {} }, run() {} }; export const schedules = [{ cron: '@daily' }];",
  };
  test.each([
    ['missing.mjs', /missing\.mjs is missing: there is no file \/.*missing\.mjs/],
    ['no-default.mjs', /no-default\.mjs has no default export/],
    ['empty.mjs', /empty\.mjs exports an empty array/],
    ['no-job.mjs', /no-job\.mjs exports something else than a job: item 1 of its default export/],
    ['no-schedule.mjs', /no-schedule\.mjs exports schedules that are no array of what defineSchedule made/],
    ['broken.mjs', /broken\.mjs failed to load: .*no-such-package-anywhere/],
  ])('%s', async (name, message) => {
    const cwd = emptyFolder();
    if (modules[name] !== undefined) writeFileSync(join(cwd, name), modules[name]);
    const { code, stderr } = await runCli(['worker', '--handlers', `./${name}`], NOBODY_THERE, cwd);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  test('which WORKER_HANDLERS names is bad configuration, and ends with 1', async () => {
    const env = { ...NOBODY_THERE, WORKER_HANDLERS: './missing.mjs' };
    const { code, stderr } = await runCli(['worker'], env);
    expect(code).toBe(1);
    expect(stderr).toMatch(/configuration: handler module \.\/missing\.mjs is missing/);
  });

  test('two jobs of one type name both modules', async () => {
    const cwd = emptyFolder();
    const job = "{ type: 'twin', payload: { safeParse() {} }, run() {} }";
    for (const name of ['a.mjs', 'b.mjs']) writeFileSync(join(cwd, name), `export default ${job};`);
    const { code, stderr } = await runCli(
      ['worker', '--handlers', './a.mjs', '--handlers', './b.mjs'],
      NOBODY_THERE,
      cwd,
    );
    expect(code).toBe(2);
    expect(stderr).toMatch(/\.\/b\.mjs has a job of type "twin", and so has \.\/a\.mjs/);
  });
});
