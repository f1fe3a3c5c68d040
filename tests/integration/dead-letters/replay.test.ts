import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { replayDeadLetter } from '../../../shared/dead-letters/replay-dead-letter.js';
import { PermanentError } from '../../../shared/jobs/job-errors.js';
import { Coordinator } from '../../../workers/coordinator/coordinator.js';
import { createWorker, type Worker } from '../../../workers/create-worker.js';
import { fileDeadJob, fileDeadJobs } from '../../support/dead-jobs.js';
import { eventually } from '../../support/eventually.js';
import { actJob } from '../../support/test-jobs.js';
import { startTestApi, type TestApi } from '../api/test-api.js';

/** One dead letter and its job, from the first death to the last run, with a real worker. */
let api: TestApi;
let coordinator: Coordinator;
let worker: Worker;
/** What each run was given, in order. */
const runs: { id: number; payload: Record<string, unknown> }[] = [];
const fragile = actJob('fragile', (payload, ctx) => {
  runs.push({ id: ctx.jobId, payload });
  if (!payload.is_well) throw new PermanentError(`payload ${String(payload.name)} is ill`);
  return 'done';
});
const follower = actJob('follower', (_payload, ctx) => void runs.push({ id: ctx.jobId, payload: {} }));

beforeAll(async () => {
  api = await startTestApi();
  coordinator = new Coordinator(api);
  worker = createWorker({ installation: api.installation, jobs: [fragile, follower], pollIntervalMs: 200 });
  await Promise.all([coordinator.start(), worker.start()]);
});
afterEach(() => void runs.splice(0));
afterAll(async () => {
  await worker.stop();
  await coordinator.stop();
  await api.close();
});

const submit = async (body: Record<string, unknown>) =>
  (await api.post('/api/jobs', { job_type: 'fragile', payload: {}, ...body })).body.job_id;
const jobOf = async (id: number) => (await api.get(`/api/jobs/${id}`)).body.job;
const ends = (id: number, status: string) =>
  eventually(`job ${id} is ${status}`, async () => (await jobOf(id)).status === status);
const openLetterOf = (jobId: number) =>
  eventually(`job ${jobId} has an open dead letter`, async () => {
    const letters = (await jobOf(jobId)).dead_letters;
    return letters.find(({ status }) => status === 'open')?.id;
  });
const letterOf = async (id: number) => (await api.get(`/api/dead-letters/${id}`)).body.dead_letter;
const replay = (id: number, body: unknown = {}) => api.post(`/api/dead-letters/${id}/replay`, body);

describe('a replay', () => {
  test('with a corrected payload runs the same job; the letter keeps what it died of', async () => {
    const id = await submit({ payload: { name: 'ann' } });
    const letter = await openLetterOf(id);
    const { status, body } = await replay(letter, { payload: { is_well: true }, note: 'mended by hand' });
    expect([status, body]).toEqual([
      200,
      {
        success: true,
        message: `dead letter ${letter} is replayed: job ${id} is pending`,
        job_id: id,
        dead_letter_id: letter,
        already_replayed: false,
      },
    ]);
    await ends(id, 'completed');
    expect(await jobOf(id)).toMatchObject({ attempt: 2, retry_count: 0, payload: { is_well: true } });
    expect(await letterOf(letter)).toMatchObject({
      status: 'replayed',
      payload: { name: 'ann' },
      replayed_payload: { is_well: true },
      is_corrected: true,
      note: 'mended by hand',
      replayed_job_id: id,
      job_status: 'completed',
      executions: [{ status: 'failed' }, { status: 'completed' }],
    });
  });

  test('that dies again leaves another letter, and both are seen from each and from the job', async () => {
    const id = await submit({ payload: { name: 'bob' } });
    const first = await openLetterOf(id);
    expect((await replay(first)).status).toBe(200);
    const second = await openLetterOf(id);
    expect(second).toBeGreaterThan(first);
    const lineage = [
      { id: first, status: 'replayed', job_id: id, replayed_job_id: id, attempts: 1, is_corrected: false },
      { id: second, status: 'open', job_id: id, replayed_job_id: null, attempts: 2 },
    ];
    expect((await letterOf(first)).replays).toMatchObject(lineage);
    expect((await letterOf(second)).replays).toMatchObject(lineage);
    expect((await jobOf(id)).dead_letters).toMatchObject([{ id: first }, { id: second }]);
    expect((await letterOf(second)).executions.map(({ error_stack: stack }) => stack)).toEqual([
      expect.stringContaining('payload bob is ill'),
      expect.stringContaining('payload bob is ill'),
    ]);
  });

  test('of a deleted job runs as a new one, and lineage leads both ways', async () => {
    const id = await submit({ payload: { name: 'eve' } });
    const first = await openLetterOf(id);
    await api.sql('DELETE FROM jobs WHERE id = $1', [id]);
    const renewed = (await replay(first)).body.job_id;
    expect(renewed).not.toBe(id);
    const second = await openLetterOf(renewed);
    expect(await jobOf(renewed)).toMatchObject({
      metadata: { replay_of: id },
      dead_letters: [
        { id: first, job_id: id, replayed_job_id: renewed },
        { id: second, job_id: renewed, replayed_job_id: null },
      ],
    });
    for (const letter of [first, second]) {
      expect((await letterOf(letter)).replays).toMatchObject([{ id: first }, { id: second }]);
    }
    await replay(second, { payload: { is_well: true } });
    await ends(renewed, 'completed');
    expect(await letterOf(first)).toMatchObject({ job_status: 'completed', replayed_job_id: renewed });
  });

  test('releases the children that its death had blocked', async () => {
    const parent = await submit({ payload: { name: 'parent' } });
    const child = await submit({ job_type: 'follower', depends_on: [parent] });
    const letter = await openLetterOf(parent);
    expect(await jobOf(child)).toMatchObject({ state: 'blocked' });
    await replay(letter, { payload: { is_well: true } });
    await ends(child, 'completed');
    expect(runs.map(({ id }) => id)).toEqual([parent, parent, child]);
  });

  test('asked for fifty times at once runs the job once', async () => {
    const id = await submit({ payload: { name: 'fifty' } });
    const letter = await openLetterOf(id);
    const body = { payload: { is_well: true } };
    const answers = await Promise.all(Array.from({ length: 50 }, () => replay(letter, body)));
    expect(answers.map(({ status, body: answer }) => [status, answer.job_id])).toEqual(
      Array(50).fill([200, id]),
    );
    expect(answers.filter(({ body: answer }) => !answer.already_replayed)).toHaveLength(1);
    await ends(id, 'completed');
    expect(runs.filter((run) => run.id === id)).toHaveLength(2);
    expect((await jobOf(id)).attempt).toBe(2);
  });

  test('of a deleted job, asked for fifty times at once, makes one new job', async () => {
    const { id, jobId } = await fileDeadJob(api, { jobType: 'nobody' });
    await api.sql('DELETE FROM jobs WHERE id = $1', [jobId]);
    const answers = await Promise.all(Array.from({ length: 50 }, () => replay(id)));
    expect(new Set(answers.map(({ body }) => body.job_id)).size).toBe(1);
    expect(await api.sql(`SELECT id FROM jobs WHERE metadata ->> 'replay_of' = $1`, [String(jobId)])).toEqual(
      [{ id: answers[0]!.body.job_id }],
    );
  });

  test('and a retry of the job at once run it once, and close the letter', async () => {
    const id = await submit({ payload: { name: 'twice' } });
    const letter = await openLetterOf(id);
    await api.sql(`UPDATE jobs SET payload = '{"is_well": true}' WHERE id = $1`, [id]);
    const requests = Array.from({ length: 20 }, (_, i) =>
      i % 2 ? replay(letter) : api.post(`/api/jobs/${id}/retry`),
    );
    const answers = await Promise.all(requests);
    expect(answers.filter(({ status }) => status >= 500)).toEqual([]);
    await ends(id, 'completed');
    expect(runs.filter((run) => run.id === id)).toHaveLength(2);
    expect(await letterOf(letter)).toMatchObject({ status: 'replayed', replayed_job_id: id });
  });
});

test('many replays begin no sooner than their rate allows, through Redis', async () => {
  const letters = await fileDeadJobs(api, 30, { jobType: 'follower' });
  const filter = { ids: letters.map(({ id }) => id) };
  const { body } = await api.post('/api/dead-letters/replay', { filter, rate_per_second: 30 });
  expect(body.count).toBe(30);
  await Promise.all(letters.map(({ jobId }) => ends(jobId, 'completed')));
  const [early] = await api.sql<{ n: number }>(
    'SELECT count(*) AS n FROM jobs WHERE id = ANY ($1) AND started_at < scheduled_at',
    [letters.map(({ jobId }) => jobId)],
  );
  expect(early).toEqual({ n: 0 });
  expect(runs).toHaveLength(30);
});

describe('a replay is refused', () => {
  test('when the letter was discarded', async () => {
    const { id, jobId } = await fileDeadJob(api, { jobType: 'nobody' });
    await api.delete(`/api/dead-letters/${id}`);
    expect(await replay(id)).toMatchObject({ status: 409, body: { code: 'not_replayable' } });
    expect((await jobOf(jobId)).status).toBe('failed');
  });

  test('when somebody runs the job already', async () => {
    const { id, jobId } = await fileDeadJob(api, { jobType: 'nobody' });
    await api.sql(`UPDATE jobs SET status = 'pending', completed_at = NULL WHERE id = $1`, [jobId]);
    expect(await replay(id)).toMatchObject({ status: 409, body: { code: 'not_replayable' } });
    expect(await api.sql(`SELECT 1 FROM jobs WHERE metadata ->> 'replay_of' = $1`, [String(jobId)])).toEqual(
      [],
    );
    expect((await letterOf(id)).status).toBe('open');
  });

  test('while another unfinished job has the unique key, and not after it', async () => {
    const { id, jobId } = await fileDeadJob(api, { jobType: 'nobody', uniqueKey: 'sync' });
    const other = await submit({ job_type: 'nobody', unique_key: 'sync' });
    const refused = await replay(id);
    expect(refused).toMatchObject({ status: 409, body: { code: 'unique_key_in_use' } });
    expect(refused.body.error).toContain(`job ${other} is not finished`);
    await api.delete(`/api/jobs/${other}`);
    expect((await replay(id)).body.job_id).toBe(jobId);
  });

  test('while somebody holds the job', async () => {
    const { id, jobId } = await fileDeadJob(api, { jobType: 'nobody' });
    const holder = new pg.Client(api.connectionString);
    await holder.connect();
    try {
      await holder.query('BEGIN');
      await holder.query('SELECT 1 FROM jobs WHERE id = $1 FOR UPDATE', [jobId]);
      expect(await replay(id)).toMatchObject({ status: 409, body: { code: 'busy' } });
    } finally {
      await holder.end();
    }
  });

  test('when there is no such letter', async () => {
    expect((await replay(999_999)).status).toBe(404);
  });

  test.each([
    ['an array', { payload: [1] }, 'payload'],
    ['a text', { payload: 'x' }, 'payload'],
    ['null', { payload: null }, 'payload'],
    ['what PostgreSQL cannot store', { payload: { a: { b: 'x\u0000' } } }, 'payload.a.b'],
    ['a note that is none', { note: 7 }, 'note'],
    ['another field', { payload: {}, priority: 1 }, 'priority'],
  ])('with %s, naming the field', async (_what, body, field) => {
    const { id } = await fileDeadJob(api, { jobType: 'nobody' });
    const answer = await replay(id, body);
    expect([answer.status, answer.body.details[0]?.field]).toEqual([400, field]);
    expect((await letterOf(id)).status).toBe('open');
  });

  test('with a payload over the limit of submits', async () => {
    const { id } = await fileDeadJob(api, { jobType: 'nobody' });
    expect((await replay(id, { payload: { text: 'x'.repeat(1_100_000) } })).status).toBe(413);
    const small = { ...api.installation, jobDefaults: { maxPayloadBytes: 100 } };
    await expect(replayDeadLetter(small, id, { payload: { text: 'x'.repeat(100) } })).rejects.toMatchObject({
      code: 'validation_failed',
      details: [{ field: 'payload', problem: expect.stringContaining('more than the limit of 100') }],
    });
    expect((await letterOf(id)).status).toBe('open');
  });
});

test('a replay without a body, whatever the header, is one with the payload as it was', async () => {
  for (const headers of [{}, { 'content-type': 'application/json' }] as Record<string, string>[]) {
    const { id, jobId } = await fileDeadJob(api, { jobType: 'nobody', payload: { a: 1 } });
    const answer = await api.ask('POST', `/api/dead-letters/${id}/replay`, undefined, headers);
    expect(answer).toMatchObject({ status: 200, body: { job_id: jobId } });
    expect((await jobOf(jobId)).payload).toEqual({ a: 1 });
  }
});

test('replays and discards are told, once each', async () => {
  const told: unknown[] = [];
  const { events } = api.installation;
  events.on('deadLetterReplayed', (event) => told.push(['replayed', event]));
  events.on('deadLetterDiscarded', (event) => told.push(['discarded', event]));
  const [a, b] = [
    await fileDeadJob(api, { jobType: 'nobody' }),
    await fileDeadJob(api, { jobType: 'nobody' }),
  ];
  await replay(a.id);
  await replay(a.id);
  await api.delete(`/api/dead-letters/${b.id}`);
  await api.delete(`/api/dead-letters/${b.id}`);
  expect(told).toEqual([
    ['replayed', { ids: [a.id], by: null }],
    ['discarded', { ids: [b.id], by: null }],
  ]);
});
