import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { createWorker, type Worker } from '../../../workers/create-worker.js';
import { HeldRuns } from '../../support/test-jobs.js';
import { startCliApi, WAYS, type CliApi } from './cli-api.js';
import { cleanUp } from './cli-process.js';

let api: CliApi;
let worker: Worker;
let workerId: string;
let jobId: number;
const held = new HeldRuns();
const HTTP = 'over HTTP';
beforeAll(async () => {
  api = await startCliApi();
  worker = createWorker({ installation: api.installation, jobs: [held.job] });
  await worker.start();
  jobId = (await api.post('/api/jobs', { job_type: 'held', payload: {} })).body.job_id;
  await held.run(0);
  const [row] = await api.sql<{ id: string }>('SELECT id FROM workers');
  workerId = row!.id;
  await api.submitMany(3, { queue: 'mail' });
});
afterEach(cleanUp);
afterAll(async () => {
  held.endAll();
  await worker.stop();
  await api.close();
});

test.each(WAYS)(
  'queues list and workers list, %s: tables for people, the answers for scripts',
  async (way) => {
    const queues = await api.run(way, 'queues list');
    expect({ code: queues.code, stderr: queues.stderr }).toEqual({ code: 0, stderr: '' });
    const [head = '', ...rows] = queues.stdout.trimEnd().split('\n');
    expect(head).toMatch(
      /^QUEUE +STATE +READY +PAUSED +RUNNING +SCHED +BLOCKED +OLDEST +DONE\/M +DONE\/H +WORKERS$/,
    );
    expect(rows).toEqual([
      expect.stringMatching(/^default +active +0 +0 +1 +0 +0 +- +0 +0 +1$/),
      expect.stringMatching(/^mail +active +3 +0 +0 +0 +0 +\S+ +0 +0 +0$/),
    ]);
    const asked = await api.runJson<{ queues: { name: string; depths: object }[] }>(
      way,
      'queues list --limit 1',
    );
    expect(asked).toMatchObject({
      code: 0,
      body: {
        success: true,
        queues: [{ name: 'default', depths: { running: 1 } }],
        pagination: { has_more: true },
      },
    });

    const workers = await api.run(way, 'workers list --status alive');
    expect(workers.code).toBe(0);
    expect(workers.stdout).toMatch(
      new RegExp(`^${workerId} +alive +\\S+ +${process.pid} +\\S+ +1/\\d+ `, 'm'),
    );
    const { body } = await api.runJson(way, `workers show ${workerId}`);
    expect(body).toMatchObject({
      success: true,
      worker: { worker_id: workerId, running: [{ job_id: jobId }] },
    });
  },
);

test('pause with a reason, show, resume', async () => {
  const paused = await api.run(HTTP, ['queues', 'pause', 'mail', '--reason', 'the provider is down']);
  expect(paused).toEqual({ code: 0, stdout: 'queue mail is paused\n', stderr: '' });
  const { stdout } = await api.run(HTTP, 'queues show mail');
  expect(stdout).toMatch(/^State +paused since \d{4}-.* \((now|\d+s ago)\)$/m);
  expect(stdout).toMatch(/^Reason +the provider is down$/m);
  expect(stdout).toMatch(/^Ready +0\nPaused +3$/m);
  const { stdout: listed } = await api.run(HTTP, 'queues list');
  expect(listed).toMatch(/^mail +paused +0 +3 +0 +0 +0 +- /m);
  expect(stdout).toMatch(/^Workers +0: nobody works on it$/m);
  expect((await api.runJson(HTTP, 'queues resume mail')).body).toMatchObject({
    success: true,
    queue: { name: 'mail', paused_at: null },
  });
});

test('workers show tells what it runs, and since when', async () => {
  const { code, stdout } = await api.run(HTTP, `workers show ${workerId}`);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Job types +held$/m);
  expect(stdout).toMatch(
    new RegExp(`^Runs\\n *JOB +TYPE +QUEUE +TRY +SINCE\\n *${jobId} +held +default +1 +`, 'm'),
  );
});

test.each([
  ['queues show nope', 1, /there is no queue nope/],
  ['queues pause A!', 2, /name: must match/],
  ['workers show nope', 1, /there is no worker nope/],
  ['workers list --status tired', 2, /status: /],
])('%s ends with %d', async (line, expected, message) => {
  const { code, stdout, stderr } = await api.run(HTTP, line);
  expect({ code, stdout }).toEqual({ code: expected, stdout: '' });
  expect(stderr).toMatch(message);
});
