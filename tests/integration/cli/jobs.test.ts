import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { startCliApi, WAYS, type CliApi } from './cli-api.js';
import { cleanUp } from './cli-process.js';

let api: CliApi;
beforeAll(async () => {
  api = await startCliApi();
});
beforeEach(() => api.sql('DELETE FROM jobs'));
afterEach(cleanUp);
afterAll(() => api.close());

/** A job that has failed, with two attempts on record. */
async function failedJob(): Promise<number> {
  const [row] = await api.sql<{ id: number }>(
    `INSERT INTO jobs (job_type, queue, status, attempt, retry_count, error_message, error_class, payload)
     VALUES ('charge', 'money', 'failed', 2, 1, 'card refused', 'transient', '{"cents": 1250}') RETURNING id`,
  );
  await api.sql(
    `INSERT INTO job_executions (job_id, attempt, status, started_at, finished_at, duration_ms, error_message, error_class, error_stack)
     SELECT $1, n, 'failed', now(), now(), 1500, 'refused, try ' || n, 'transient', E'Error: refused\\n    at charge.ts:7' FROM generate_series(1, 2) n`,
    [row!.id],
  );
  return row!.id;
}
const statusesOf = async () =>
  (await api.sql<{ status: string }>('SELECT DISTINCT status FROM jobs ORDER BY 1')).map(
    ({ status }) => status,
  );

const way = 'over HTTP';

describe.each(WAYS)('%s', (way) => {
  test('list: a table for people, the answer for scripts', async () => {
    const [id] = await api.submitMany(1, { queue: 'mail' });
    await api.submitMany(2);
    const { code, stdout, stderr } = await api.run(way, 'jobs list --queue mail --status pending');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [head = '', ...rows] = stdout.trimEnd().split('\n');
    expect(head).toMatch(/^ *ID +STATE +TYPE +QUEUE +PRIO +TRY +CREATED +WHY$/);
    expect(rows).toEqual([
      expect.stringMatching(
        new RegExp(`^ *${id} +ready +nobody +mail +50 +0 +(now|\\d+s ago) +no live worker`),
      ),
    ]);
    // No escape codes where there is no terminal.
    expect(stdout).not.toContain('\u001b');

    const { body } = await api.runJson(way, 'jobs list --queue mail --limit 10');
    expect(body).toEqual(JSON.parse((await api.get('/api/jobs?queue=mail&limit=10')).text));
  });

  test('show: state, why, and each attempt with its error; stacks on request', async () => {
    const id = await failedJob();
    const { code, stdout } = await api.run(way, `jobs show ${id}`);
    expect(code).toBe(0);
    expect(stdout).toContain(`Job       ${id}  charge\nState     failed: card refused\n`);
    expect(stdout).toContain('Attempts  2; 1 of 3 retries used\n');
    expect(stdout).toContain('Payload   {"cents":1250}\n');
    expect(stdout).toMatch(/^1 +failed +\S.* +1\.5s +- +refused, try 1\n2 +failed .* refused, try 2$/m);
    expect(stdout).not.toContain('charge.ts:7');
    expect((await api.run(way, `jobs show ${id} --full`)).stdout).toContain('    at charge.ts:7');
    const { body } = await api.runJson(way, `jobs show ${id}`);
    expect(body).toEqual(JSON.parse((await api.get(`/api/jobs/${id}`)).text));
  });

  test('show: of very many attempts the last ones, and that older ones are left out', async () => {
    const id = await failedJob();
    await api.sql(
      `INSERT INTO job_executions (job_id, attempt, status, started_at, finished_at, duration_ms)
       SELECT $1, n, 'failed', now(), now(), 1 FROM generate_series(3, 1002) n`,
      [id],
    );
    const { stdout } = await api.run(way, `jobs show ${id}`);
    expect(stdout).toContain('\nAttempts\n2 older attempts left out; the table job_executions has all\n');
    expect(stdout).toMatch(/^ +3 +failed /m);
    expect(stdout).toMatch(/^1002 +failed /m);
    expect(stdout).not.toMatch(/^ +2 +failed /m);
  });

  test('what is not there ends with 1, a bad id with 2 and its name; scripts are told by a document', async () => {
    expect(await api.run(way, 'jobs show 999')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'holdfast: there is no job 999\n',
    });
    expect(await api.runJson(way, 'jobs show 999')).toMatchObject({
      code: 1,
      body: { success: false, code: 'not_found' },
    });
    const bad = await api.run(way, 'jobs show seven');
    expect({ code: bad.code, stderr: bad.stderr }).toEqual({
      code: 2,
      stderr: expect.stringMatching(/^holdfast: id: must be a whole number/),
    });
    expect(await api.run(way, 'jobs list --limit 0')).toMatchObject({
      code: 2,
      stderr: 'holdfast: limit: must be from 1 to 1000\n',
    });
  });

  test('cancel and retry one', async () => {
    const [id] = await api.submitMany(1);
    expect(await api.run(way, ['jobs', 'cancel', String(id), '--reason', 'sent twice'])).toEqual({
      code: 0,
      stdout: `job ${id} is cancelled\n`,
      stderr: '',
    });
    expect(await api.sql('SELECT status, error_message FROM jobs')).toEqual([
      { status: 'cancelled', error_message: 'sent twice' },
    ]);
    expect(await api.run(way, `jobs cancel ${id}`)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('already finished'),
    });
    expect((await api.runJson(way, `jobs retry ${id}`)).body).toMatchObject({
      success: true,
      job_id: id,
    });
    expect(await statusesOf()).toEqual(['pending']);
  });

  test('cancel by filter: counted first, refused without --yes, then done page by page', async () => {
    await api.submitMany(2_300, { tag: 'import' });
    await api.submitMany(1, { tag: 'other' });
    const refused = await api.run(way, 'jobs cancel --tag import');
    expect({ code: refused.code, stderr: refused.stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining('give --yes, or --dry-run'),
    });
    expect(await api.run(way, 'jobs cancel --tag import --dry-run')).toMatchObject({
      code: 0,
      stdout: 'would be cancelled: 2,300 jobs\n',
    });
    expect(await statusesOf()).toEqual(['pending']);
    expect(await api.runJson(way, 'jobs cancel --tag import --yes --limit 1100')).toMatchObject({
      code: 0,
      body: { success: true, count: 1_100, dry_run: false },
    });
    expect(await api.run(way, 'jobs cancel --tag import --yes')).toEqual({
      code: 0,
      stdout: '1,200 jobs cancelled\n',
      stderr: '',
    });
    expect(await api.run(way, 'jobs cancel --tag import --yes')).toMatchObject({
      code: 0,
      stdout: 'no job matches\n',
    });
    const left = await api.sql(`SELECT tags FROM jobs WHERE status = 'pending'`);
    expect(left).toEqual([{ tags: ['other'] }]);
  });
});

test('list: says how the next page is had, besides the table', async () => {
  const ids = await api.submitMany(5);
  const { stdout, stderr } = await api.run(way, 'jobs list --limit 2 --sort created_at');
  expect(stderr).toBe(`\nof 5 jobs; the next page: --cursor ${ids[1]}\n`);
  expect(stdout.trimEnd().split('\n')).toHaveLength(3);
  const rest = await api.runJson<{ jobs: { id: number }[] }>(
    way,
    `jobs list --limit 9 --sort created_at --cursor ${ids[1]}`,
  );
  expect(rest.body.jobs.map(({ id }) => id)).toEqual(ids.slice(2));
});

test('retry by ids: those that could not be are told', async () => {
  const failed = await failedJob();
  const [pending] = await api.submitMany(1);
  const { code, stdout, stderr } = await api.run(way, `jobs retry ${failed} ${pending}`);
  expect({ code, stdout, stderr }).toEqual({
    code: 1,
    stdout: '1 job pending again\n',
    stderr: 'holdfast: 1 of the 2 jobs is as it was: show says why\n',
  });
});

test.each([
  [['jobs', 'cancel'], /ids: give ids, or filters/],
  [['jobs', 'retry', '1', '--queue', 'mail'], /only one of these/],
  [['jobs', 'cancel', '--tag', 'x', '--dry-run', '--yes'], /cannot be used with/],
  [['jobs', 'retry', '--status', 'running', '--yes'], /filter\.status/],
  [['jobs', 'cancel', 'one', 'two'], /filter\.ids\.0: must be a whole number/],
  [['jobs', 'show', ''], /"" is no id or name/],
  [['jobs', 'show', '..'], /"\.\." is no id or name/],
])('%j is bad usage and ends with 2', async (args, message) => {
  const { code, stdout, stderr } = await api.run(way, args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(message);
});

test('what others wrote cannot command the terminal', async () => {
  await api.sql(
    `INSERT INTO jobs (job_type, status, error_message) VALUES (E'a\\u001b]0;owned\\u0007', 'failed', E'x\\u001b[2Jy')`,
  );
  const [{ id }] = (await api.sql<{ id: number }>('SELECT id FROM jobs')) as [{ id: number }];
  for (const args of [['list'], ['show', String(id)]]) {
    const { code, stdout } = await api.run(way, ['jobs', ...args]);
    expect(code).toBe(0);
    // eslint-disable-next-line no-control-regex
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  }
});
