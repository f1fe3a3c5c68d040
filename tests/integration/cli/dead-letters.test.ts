import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { startCliApi, WAYS, type CliApi } from './cli-api.js';
import { cleanUp } from './cli-process.js';

let api: CliApi;
const HTTP = 'over HTTP';
beforeAll(async () => {
  api = await startCliApi();
});
beforeEach(async () => {
  await api.sql('DELETE FROM dead_letter_jobs');
  await api.sql('DELETE FROM jobs');
});
afterEach(cleanUp);
afterAll(() => api.close());

/** Failed jobs of one type with their open dead letters; returns the letters' ids. */
async function fileLetters(count: number, jobType = 'charge'): Promise<number[]> {
  const rows = await api.sql<{ id: number }>(
    `WITH dead AS (
       INSERT INTO jobs (job_type, queue, status, attempt, error_message, error_class, payload)
       SELECT $2, 'money', 'failed', 1, 'card refused', 'permanent', jsonb_build_object('n', n) FROM generate_series(1, $1::int) n
       RETURNING id, job_type, queue, payload, error_message, error_class
     ), tried AS (
       INSERT INTO job_executions (job_id, attempt, status, started_at, finished_at, duration_ms, error_message, error_class, error_stack)
       SELECT id, 1, 'failed', now(), now(), 20, error_message, error_class, E'Error: card refused\\n    at charge.ts:7' FROM dead
     )
     INSERT INTO dead_letter_jobs (job_id, queue, job_type, payload, error_message, error_class, fingerprint, attempts, reason)
     SELECT id, queue, job_type, payload, error_message, error_class, 'print-' || job_type, 1, 'permanent' FROM dead RETURNING id`,
    [count, jobType],
  );
  return rows.map(({ id }) => id);
}
const statuses = () =>
  api.sql(`SELECT status, count(*) AS count FROM dead_letter_jobs GROUP BY 1 ORDER BY status::text`);

describe.each(WAYS)('%s', (way) => {
  test('groups, list and show: tables for people, the answers for scripts', async () => {
    await fileLetters(2, 'refund');
    const [id] = await fileLetters(1);
    const groups = await api.run(way, 'dead-letters groups');
    expect({ code: groups.code, stderr: groups.stderr }).toEqual({ code: 0, stderr: '' });
    expect(groups.stdout).toMatch(/^COUNT +TYPE +QUEUES +FIRST +LAST +CLASS +FINGERPRINT +ERROR$/m);
    expect(groups.stdout).toMatch(/^ +2 +refund +money +\S.* +permanent +print-refund +card refused$/m);

    const list = await api.run(way, 'dlq list --job-type charge');
    expect(list.stdout).toMatch(
      new RegExp(`\\n *${id} +open +\\d+ +charge +money +permanent +1 +\\S.* +card refused\\n$`),
    );
    const listed = await api.runJson<{ dead_letters: { id: number }[] }>(way, 'dlq list --job-type charge');
    expect(listed.body.dead_letters.map((letter) => letter.id)).toEqual([id]);

    const shown = await api.run(way, `dead-letters show ${id}`);
    expect(shown.stdout).toMatch(/^Payload +\{"n":1\}$/m);
    expect(shown.stdout).toContain('    at charge.ts:7');
    const { body } = await api.runJson(way, `dead-letters show ${id}`);
    expect(body).toMatchObject({
      success: true,
      dead_letter: { id, status: 'open', executions: [{ attempt: 1 }] },
    });
  });

  test('replay by filter: counted first, refused without --yes, done at a rate', async () => {
    await fileLetters(30);
    await fileLetters(1, 'refund');
    expect(await api.run(way, 'dlq replay --job-type charge')).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('give --yes, or --dry-run'),
    });
    expect(await api.run(way, 'dlq replay --job-type charge --dry-run')).toMatchObject({
      code: 0,
      stdout: 'would be replayed: 30 dead letters\n',
    });
    expect(await statuses()).toEqual([{ status: 'open', count: 31 }]);
    expect(await api.run(way, 'dlq replay --job-type charge --rate 0.5 --yes')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^30 dead letters replayed; the last one is due in \d+s\n$/),
    });
    expect(await statuses()).toEqual([
      { status: 'open', count: 1 },
      { status: 'replayed', count: 30 },
    ]);
  });
});

test('replay one with another payload; a second time it is not run again', async () => {
  const [id] = await fileLetters(1);
  const first = await api.run(HTTP, [
    'dlq',
    'replay',
    `${id}`,
    '--payload',
    '{"n": 8}',
    '--note',
    'corrected',
  ]);
  expect(first).toMatchObject({ code: 0, stdout: expect.stringContaining(`dead letter ${id} is replayed`) });
  expect(await api.sql(`SELECT payload FROM jobs WHERE status = 'pending'`)).toEqual([{ payload: { n: 8 } }]);
  expect((await api.runJson(HTTP, `dlq replay ${id}`)).body).toMatchObject({ already_replayed: true });
  const { stdout } = await api.run(HTTP, `dlq show ${id}`);
  expect(stdout).toMatch(/^Replayed as +job \d+, with another payload$/m);
  expect(stdout).toMatch(/^Corrected to +\{"n":8\}$/m);
  expect(stdout).toMatch(/^Note +corrected$/m);
});

test('note, take it off, discard one, discard the rest', async () => {
  const [id] = await fileLetters(3);
  expect(await api.run(HTTP, ['dlq', 'note', `${id}`, 'ask the bank'])).toMatchObject({
    code: 0,
    stdout: `dead letter ${id} has the note\n`,
  });
  expect((await api.runJson(HTTP, `dlq note ${id} --remove`)).body).toMatchObject({
    dead_letter: { note: null },
  });
  expect((await api.run(HTTP, ['dlq', 'discard', `${id}`, '--note', 'the customer left'])).code).toBe(0);
  expect(await api.run(HTTP, 'dlq discard --all --yes')).toMatchObject({
    code: 0,
    stdout: '2 dead letters discarded\n',
  });
  expect(await statuses()).toEqual([{ status: 'discarded', count: 3 }]);
  expect(await api.run(HTTP, 'dlq list')).toMatchObject({ code: 0, stdout: 'no open dead letters\n' });
});

test.each([
  ['dlq show 999', 1, /there is no dead letter 999/],
  ['dlq show seven', 2, /id: must be a whole number/],
  ['dlq list --reason bored', 2, /reason: /],
  ['dlq replay', 2, /ids: give ids, or filters such as --queue, or --all/],
  ['dlq replay --queue money --payload {} --yes', 2, /--payload: corrects one dead letter/],
  ['dlq replay --all --rate fast --yes', 2, /rate_per_second: must be a number/],
  ['dlq note 7', 2, /text: give a note, or --remove/],
])('%s ends with %d', async (line, expected, message) => {
  const { code, stdout, stderr } = await api.run(HTTP, line);
  expect({ code, stdout }).toEqual({ code: expected, stdout: '' });
  expect(stderr).toMatch(message);
});
