import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { displayWidth } from '../../../cli/output/text.js';
import { startCliApi, type CliApi } from './cli-api.js';
import { cleanUp, startCliAtTerminal } from './cli-process.js';

/** What a person at a terminal sees. util-linux has a command that lends one. */
const hasTerminal =
  spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux') ?? false;
const atTerminal = hasTerminal ? test : test.skip;

let api: CliApi;
let env: NodeJS.ProcessEnv;
beforeAll(async () => {
  api = await startCliApi();
  env = api.env('over HTTP');
});
beforeEach(() => api.sql('DELETE FROM jobs'));
afterEach(cleanUp);
afterAll(() => api.close());

const COLOURS = /\u001b\[\d+m/g; // eslint-disable-line no-control-regex
const linesOf = (output: string) => output.replace(/\r/g, '').trimEnd().split('\n');
const countOf = async (status: string) =>
  (
    await api.sql<{ count: number }>('SELECT count(*) AS count FROM jobs WHERE status = $1::job_status', [
      status,
    ])
  )[0]!.count;

atTerminal('a table fits, ids stay whole, and states have colours', async () => {
  await api.sql(
    `INSERT INTO jobs (job_type, status, error_message, created_at)
     SELECT 'a_job_type_with_a_long_name', 'failed', repeat('日本語 and more ', 20), now() - interval '90 minutes' FROM generate_series(1, 3)`,
  );
  const { code, stdout } = await startCliAtTerminal('jobs list', env, 64).ended;
  expect(code).toBe(0);
  expect(stdout).toContain('\u001b[31mfailed\u001b[0m');
  const lines = linesOf(stdout).map((line) => line.replace(COLOURS, ''));
  expect(lines).toHaveLength(4);
  for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(64);
  expect(lines[1]).toMatch(/^ *\d+ +failed +a_job.*… +default .* 日本.*…$/);

  const plain = await startCliAtTerminal('jobs list', { ...env, NO_COLOR: '1' }, 64).ended;
  expect(linesOf(plain.stdout).map((line) => line.trimEnd())).toEqual(lines.map((line) => line.trimEnd()));
});

atTerminal('what changes many asks, and takes only yes for yes', async () => {
  await api.submitMany(2);
  for (const answer of ['n', '', 'perhaps']) {
    const asked = startCliAtTerminal('jobs cancel --tag many', env);
    await asked.line(/Cancel 2 jobs\? \[y\/N\]/);
    asked.type(`${answer}\n`);
    expect(await asked.ended).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('nothing was changed'),
    });
  }
  expect(await countOf('pending')).toBe(2);

  const asked = startCliAtTerminal('jobs cancel --tag many', env);
  await asked.line(/Cancel 2 jobs\?/);
  asked.type('y\n');
  expect(await asked.ended).toMatchObject({ code: 0, stdout: expect.stringContaining('2 jobs cancelled') });
  expect(await countOf('cancelled')).toBe(2);
});

atTerminal('Ctrl-C at the question changes nothing', async () => {
  await api.submitMany(1);
  const asked = startCliAtTerminal('jobs cancel --tag many', env);
  await asked.line(/Cancel 1 job\?/);
  asked.type('\u0003');
  expect((await asked.ended).code).toBe(130);
  expect(await countOf('pending')).toBe(1);
});

atTerminal('long work has a bar, which is gone when it is done', async () => {
  await api.submitMany(2_500);
  const { code, stdout } = await startCliAtTerminal('jobs cancel --tag many --yes', env).ended;
  expect(code).toBe(0);
  expect(stdout).toMatch(/Cancel [█░]+ \d+ % [\d,]+\/2,500/);
  // eslint-disable-next-line no-control-regex
  expect(linesOf(stdout).at(-1)).toMatch(/\u001b\[2K2,500 jobs cancelled$/);
});
