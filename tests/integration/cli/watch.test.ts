import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createWorker, type Worker } from '../../../workers/create-worker.js';
import { actJob, HeldRuns } from '../../support/test-jobs.js';
import { startApi } from '../api/test-api.js';
import { startCliApi, WAYS, type CliApi } from './cli-api.js';
import { cleanUp, startCli } from './cli-process.js';

let api: CliApi;
let worker: Worker;
const held = new HeldRuns();
const flaky = actJob('flaky', (_payload, { attempt, log }) => {
  log.warn(`try ${attempt}`);
  throw new Error('always\n\u001b[31m');
});
beforeAll(async () => {
  api = await startCliApi();
  worker = createWorker({ installation: api.installation, jobs: [held.job, flaky] });
  await worker.start();
});
afterEach(cleanUp);
afterAll(async () => {
  held.endAll();
  await worker.stop();
  await api.close();
});

const submit = async (job_type: string, more: object = {}) =>
  (await api.post('/api/jobs', { job_type, payload: {}, ...more })).body.job_id;

describe.each(WAYS)('%s', (way) => {
  test('tells status, progress and logs, and ends with 0 when the job has completed', async () => {
    const first = held.count;
    const id = await submit('held');
    const run = await held.run(first);
    const watch = api.start(way, `jobs watch ${id}`);
    await watch.line(/running, attempt 1$/);
    run.ctx.progress(40);
    await watch.line(/progress 40 %$/);
    run.ctx.log.info('nearly there');
    run.end({ rows: 12 });
    const { code, stdout, stderr } = await watch.ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.replace(/^\d\d:\d\d:\d\d {2}/gm, '')).toBe(
      'running, attempt 1\nprogress 40 %\n  info nearly there\nattempt 1 completed\ncompleted\n{"rows":12}\n',
    );
  });

  test('--json gives one line for each event; a job that has failed ends it with 1', async () => {
    const id = await submit('flaky', { max_retries: 1 });
    const { code, stdout, stderr } = await api.run(way, `jobs watch ${id} --json`);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `holdfast: job ${id} has failed: always \ufffd[31m\n`,
    });
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: string; data: object });
    expect(events.filter(({ event }) => event === 'logs').map(({ data }) => data)).toMatchObject([
      { attempt: 1, status: 'failed', lines: [{ message: 'try 1' }] },
      { attempt: 2, status: 'failed', lines: [{ message: 'try 2' }] },
    ]);
    expect(events.at(-1)).toMatchObject({ event: 'status', data: { job_id: id, status: 'failed' } });
  });

  test('a job that is cancelled, or is not there, ends it with 1', async () => {
    const id = await submit('nobody');
    const watch = api.start(way, `jobs watch ${id}`);
    await watch.line(/pending$/);
    await api.delete(`/api/jobs/${id}`);
    expect(await watch.ended).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`job ${id} has been cancelled`),
    });
    expect(await api.run(way, 'jobs watch 999999')).toMatchObject({
      code: 1,
      stderr: 'holdfast: there is no job 999999\n',
    });
  });
});

test('submit --watch ends as the job does', async () => {
  const { code, stdout } = await api.run('over HTTP', 'submit flaky --max-retries 0 --watch');
  expect(code).toBe(1);
  expect(stdout).toMatch(/^job \d+ is pending\n/);
  expect(stdout).toMatch(/attempt 1 failed: always \ufffd\[31m$/m);
});

test('an API that goes away in the middle is waited for, and nothing is told twice', async () => {
  const first = held.count;
  const id = await submit('held');
  const run = await held.run(first);
  const other = await startApi(api.installation);
  const watch = startCli(['jobs', 'watch', String(id)], { HOLDFAST_API_URL: other.url });
  await watch.line(/running, attempt 1$/);
  await other.stop();
  run.ctx.progress(70);
  const again = await startApi(api.installation, { port: Number(new URL(other.url).port) });
  try {
    await watch.line(/progress 70 %$/);
    run.end();
    const { code, stdout } = await watch.ended;
    expect(code).toBe(0);
    expect(stdout.match(/running, attempt 1/g)).toHaveLength(1);
  } finally {
    await again.stop();
  }
});
