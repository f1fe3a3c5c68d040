import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { startApi } from '../api/test-api.js';
import { startCliApi, WAYS, type CliApi } from './cli-api.js';
import { cleanUp, emptyFolder, runCli } from './cli-process.js';

let api: CliApi;
beforeAll(async () => {
  api = await startCliApi();
});
beforeEach(() => api.sql('DELETE FROM jobs'));
afterEach(cleanUp);
afterAll(() => api.close());

const HTTP = 'over HTTP';
const count = async () => (await api.sql<{ count: number }>('SELECT count(*) AS count FROM jobs'))[0]!.count;

/** A file with these lines, in a folder of its own. */
function file(name: string, lines: readonly string[]): string {
  const path = join(emptyFolder(), name);
  writeFileSync(path, lines.join('\n'));
  return path;
}
const jobLines = (many: number, more: object = {}) =>
  Array.from({ length: many }, (_, n) => JSON.stringify({ job_type: 'nobody', payload: { n }, ...more }));

describe.each(WAYS)('%s', (way) => {
  test('submits a job with all that may be said of it', async () => {
    const [parent] = await api.submitMany(1);
    const payload = file('payload.json', ['{"to": "ada@example.org"}']);
    const { code, body } = await api.runJson<{ job_id: number }>(way, [
      ...`submit mail --payload @${payload} --queue mail --priority 80 --max-retries 7 --timeout 90s`.split(
        ' ',
      ),
      ...`--delay 2h --depends-on ${parent}:run --tag a --tag b --unique-key ada --created-by test`.split(
        ' ',
      ),
      ...['--metadata', '{"ticket": 7}'],
    ]);
    expect(code).toBe(0);
    const [job] = await api.sql('SELECT *, scheduled_at - created_at AS wait FROM jobs WHERE id = $1', [
      body.job_id,
    ]);
    expect(job).toMatchObject({
      job_type: 'mail',
      payload: { to: 'ada@example.org' },
      queue: 'mail',
      priority: 80,
      max_retries: 7,
      timeout_ms: 90_000,
      unmet_dependencies: 1,
      tags: ['a', 'b'],
      metadata: { ticket: 7 },
      unique_key: 'ada',
      created_by: 'test',
      wait: expect.objectContaining({ hours: 2 }),
    });
  });

  test('submits a file in chunks, and says which jobs these are', async () => {
    const lines = file('jobs.jsonl', jobLines(2_500));
    const { code, stdout, stderr } = await api.run(way, `submit --batch ${lines} --queue bulk --tag x`);
    const [ids] = await api.sql<{ min: number; max: number }>('SELECT min(id), max(id) FROM jobs');
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: `2,500 jobs submitted: ${ids!.min} to ${ids!.max}\n`,
      stderr: '',
    });
    expect(await api.sql('SELECT DISTINCT queue, tags FROM jobs')).toEqual([{ queue: 'bulk', tags: ['x'] }]);
    expect((await api.sql(`SELECT payload FROM jobs WHERE id = $1`, [ids!.max]))[0]).toEqual({
      payload: { n: 2_499 },
    });
  });
});

test('tells people in a line what became of it; the same idempotency key is the same job', async () => {
  const first = await api.run(HTTP, 'submit nobody --idempotency-key k1');
  expect(first).toEqual({ code: 0, stdout: expect.stringMatching(/^job \d+ is pending\n$/), stderr: '' });
  const [, id] = /^job (\d+)/.exec(first.stdout) ?? [];
  expect(await api.run(HTTP, 'submit nobody --idempotency-key k1')).toEqual({
    ...first,
    stdout: `job ${id} was there already with the same key, and is pending\n`,
  });
  const other = await api.run(HTTP, [
    'submit',
    'nobody',
    '--idempotency-key',
    'k1',
    '--payload',
    '{"other": 1}',
  ]);
  expect(other.code).toBe(1);
  expect(await count()).toBe(1);
});

test('a unique key that is taken gives the job that has it, and says so', async () => {
  const first = await api.run(HTTP, 'submit nobody --unique-key u1');
  expect(first.stdout).toMatch(/^job \d+ is pending\n$/);
  const there = `${first.stdout.replace(/ is pending\n$/, '')} was there already with the same key, and is pending`;
  expect((await api.run(HTTP, 'submit nobody --unique-key u1')).stdout).toBe(`${there}\n`);
  const replacing = 'submit nobody --unique-key u1 --unique-policy replace_payload';
  expect((await api.run(HTTP, replacing)).stdout).toBe(`${there}; it has this payload now\n`);
  expect(await count()).toBe(1);
});

test('CSV: columns are fields of the job, payload.NAME those of its payload', async () => {
  const csv = file('people.csv', [
    'job_type,payload.to,payload.zip,priority,tags,payload',
    'mail,ada@example.org,01234,80,a b,"{""x"": 1}"',
    ',"Babbage, Charles",99,,,',
  ]);
  const { code, body } = await api.runJson<{ success: boolean; job_ids: number[] }>(
    HTTP,
    `submit letter --batch ${csv}`,
  );
  expect({ code, ids: body.job_ids.length, success: body.success }).toEqual({
    code: 0,
    ids: 2,
    success: true,
  });
  expect(await api.sql('SELECT job_type, payload, priority, tags FROM jobs ORDER BY id')).toEqual([
    {
      job_type: 'mail',
      payload: { x: 1, to: 'ada@example.org', zip: '01234' },
      priority: 80,
      tags: ['a', 'b'],
    },
    { job_type: 'letter', payload: { to: 'Babbage, Charles', zip: '99' }, priority: 50, tags: null },
  ]);
});

test('a line that the API refuses is named; what was submitted before it stays, and the rest can follow', async () => {
  const lines = jobLines(1_200);
  lines[1_100] = JSON.stringify({ job_type: 'nobody', priority: 500 });
  const path = file('jobs.jsonl', lines);
  expect(await api.run(HTTP, `submit --batch ${path}`)).toEqual({
    code: 2,
    stdout: '',
    stderr:
      'holdfast: line 1101: priority: must be from 0 to 100\n' +
      'the 1,000 jobs of the lines before are submitted; when that is put right, go on with --from-line 1001\n',
  });
  lines[1_100] = JSON.stringify({ job_type: 'nobody' });
  writeFileSync(path, lines.join('\n'));
  const rest = await api.run(HTTP, `submit --batch ${path} --from-line 1001`);
  expect(rest).toMatchObject({ code: 0, stdout: expect.stringMatching(/^200 jobs submitted/) });
  expect(await count()).toBe(1_200);
});

test('a batch that comes through a pipe is read once', async () => {
  const pipe = join(emptyFolder(), 'jobs.jsonl');
  execFileSync('mkfifo', [pipe]);
  const written = writeFile(pipe, jobLines(3).join('\n'));
  const { code, stdout } = await api.run(HTTP, `submit --batch ${pipe}`);
  await written;
  expect([code, stdout]).toEqual([0, expect.stringContaining('3 jobs submitted')]);
});

test('a batch with an idempotency key may be repeated as a whole', async () => {
  const path = file('jobs.jsonl', jobLines(1_100));
  const submit = () =>
    api.runJson<{ job_ids: number[] }>(HTTP, `submit --batch ${path} --idempotency-key july`);
  const first = await submit();
  expect((await submit()).body).toEqual({ ...first.body, existing: 1_100 });
  expect(await count()).toBe(1_100);

  const id = first.body.job_ids[0];
  writeFileSync(path, jobLines(1_100).concat(jobLines(2)).join('\n'));
  const more = await api.run(HTTP, `submit --batch ${path} --idempotency-key july`);
  expect(more.stdout).toMatch(new RegExp(`^2 submitted, 1,100 were there already: ${id} to \\d+\n$`));
  writeFileSync(path, jobLines(1).join('\n'));
  const again = await api.run(HTTP, `submit --batch ${path} --idempotency-key july`);
  expect(again.stdout).toBe(`0 submitted, 1 was there already: ${id} to ${id}\n`);
  expect(await count()).toBe(1_102);
});

test('a limit of the rate is waited out in the middle of a batch', async () => {
  const limited = await startApi(api.installation, { rateLimit: { max: 2, windowMs: 4_000 } });
  try {
    const path = file('jobs.jsonl', jobLines(4_500));
    const ended = await runCli(['submit', '--batch', path], { HOLDFAST_API_URL: limited.url });
    expect(ended).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^4,500 jobs submitted/),
      stderr: '',
    });
    expect(await count()).toBe(4_500);
    expect(await limited.metrics.text()).toMatch(/^http_requests_total\{[^}]*status="429"\} [1-9]/m);
  } finally {
    await limited.stop();
  }
});

test('an answer that is lost leaves open what became of its lines, and says so', async () => {
  // The first chunk is submitted; the second one's answer never comes.
  let requests = 0;
  const broken = createServer((request, response) => {
    request.resume().on('end', () => {
      requests += 1;
      if (requests > 1) request.socket.destroy();
      else
        response.end(
          JSON.stringify({ success: true, job_ids: Array.from({ length: 1_000 }, (_, n) => n + 1) }),
        );
    });
  }).listen(0, '127.0.0.1');
  await once(broken, 'listening');
  const { port } = broken.address() as AddressInfo;
  try {
    const path = file('jobs.jsonl', jobLines(2_500));
    const ended = await runCli(['submit', '--batch', path], { HOLDFAST_API_URL: `http://127.0.0.1:${port}` });
    expect(ended).toMatchObject({ code: 1, stdout: '' });
    expect(ended.stderr).toMatch(
      /\nthe 1,000 jobs of the lines before are submitted; lines 1,001 to 2,000 may be, all or none: /,
    );
    expect(requests).toBe(2);
  } finally {
    broken.close();
  }
});

describe('bad input ends with 2, names what is wrong, and submits nothing', () => {
  test.each<[string, string[], RegExp]>([
    ['no type', ['submit'], /job-type: is required/],
    ['a payload that is no JSON', ['submit', 'a', '--payload', '{'], /--payload: is not valid JSON/],
    ['a payload that is no object', ['submit', 'a', '--payload', '[1]'], /payload: must be a JSON object/],
    [
      'a payload that is not there',
      ['submit', 'a', '--payload', '@/no/such'],
      /--payload: \/no\/such cannot be read/,
    ],
    ['no number', ['submit', 'a', '--priority', 'high'], /priority: must be a whole number from 0 to 100/],
    ['no duration', ['submit', 'a', '--delay', 'soon'], /--delay.*must be a duration like 500ms, 10s/],
    ['no time', ['submit', 'a', '--at', 'tomorrow'], /scheduled_at: must be an ISO 8601 time/],
    ['no such parent', ['submit', 'a', '--depends-on', '999999'], /depends_on\.0: there is no job 999999/],
    [
      'several faults',
      ['submit', 'a', '--priority', '101', '--queue', 'A b'],
      /- queue: .*\n {2}- priority: /,
    ],
    [
      'a batch that is not there',
      ['submit', '--batch', '/no/such.jsonl'],
      /--batch: \/no\/such\.jsonl cannot be read/,
    ],
    ['a batch of no known format', ['submit', '--batch', '/no/such.txt'], /--batch: .* must be jsonl or csv/],
  ])('%s', async (_what, args, message) => {
    const { code, stdout, stderr } = await api.run(HTTP, args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(await count()).toBe(0);
  });

  test.each([
    ['jobs.jsonl', [...jobLines(1_500), '{nope'], /line 1501: is not valid JSON/],
    ['jobs.jsonl', ['', '[1]'], /line 2: must be a JSON object/],
    [
      'jobs.csv',
      ['job_type,to', 'mail,ada'],
      /line 2: column "to" is no field of a job: name it payload\.to\?/,
    ],
    ['jobs.csv', ['job_type,payload', 'mail,{'], /line 2: payload: is not valid JSON/],
  ])('%s with a fault anywhere: %#', async (name, lines, message) => {
    const path = file(name, lines);
    // Found before anybody is asked.
    const { code, stderr } = await runCli(['submit', '--batch', path], {
      HOLDFAST_API_URL: 'http://127.0.0.1:1',
    });
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });
});
