import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { PermanentError } from '../../../shared/jobs/job-errors.js';
import { createWorker } from '../../../workers/create-worker.js';
import { eventually } from '../../support/eventually.js';
import { actJob, HeldRuns } from '../../support/test-jobs.js';
import type { AnswerBody } from './answer-body.js';
import { startTestApi, type TestApi } from './test-api.js';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ redis: false });
});
afterAll(() => api.close());

/** A row as a person would write it. */
async function insert(columns: Record<string, unknown>): Promise<number> {
  const names = Object.keys(columns);
  const [row] = await api.sql<{ id: number }>(
    `INSERT INTO jobs (${names.join(', ')}) VALUES (${names.map((_, i) => `$${i + 1}`).join(', ')}) RETURNING id`,
    Object.values(columns),
  );
  return row?.id as number;
}
const statusOf = async (id: number) => (await api.get(`/api/jobs/${id}`)).body.job.status as string;
const idsOf = (body: Pick<AnswerBody, 'jobs'>) => body.jobs.map(({ id }) => id);

describe('GET /api/jobs', () => {
  const made: Record<string, number> = {};
  const list = async (query: string) => (await api.get(`/api/jobs?created_by=lister&${query}`)).body;

  beforeAll(async () => {
    const mine = { created_by: 'lister', job_type: 'a' };
    made.done = await insert({ ...mine, status: 'completed', tags: ['red'] });
    made.failed = await insert({ ...mine, status: 'failed', job_type: 'b' });
    made.cancelled = await insert({ ...mine, status: 'cancelled' });
    made.running = await insert({ ...mine, status: 'running' });
    made.scheduled = await insert({ ...mine, scheduled_at: '2100-01-01', tags: ['red', 'blue'] });
    made.blocked = await insert({ ...mine, queue: 'other' });
    await api.sql('INSERT INTO job_dependencies (job_id, depends_on_job_id) VALUES ($1, $2)', [
      made.blocked,
      made.running,
    ]);
    made.aside = await insert({ ...mine, set_aside_at: new Date() });
    made.ready = await insert({ ...mine, queue: 'other' });
  });
  const named = (...names: string[]) => names.map((name) => made[name]);

  test.each([
    ['status=completed', ['done']],
    ['status=failed', ['failed']],
    ['status=cancelled', ['cancelled']],
    ['status=running', ['running']],
    ['status=pending', ['ready', 'aside', 'blocked', 'scheduled']],
    ['status=pending&queue=other', ['ready', 'blocked']],
    ['status=pending&sort=created_at', ['scheduled', 'blocked', 'aside', 'ready']],
    ['job_type=b', ['failed']],
    ['tag=red', ['scheduled', 'done']],
    ['tag=red&status=pending', ['scheduled']],
    ['tag=green', []],
    ['sort=asc&limit=2', ['done', 'failed']],
    ['sort=-id&limit=2&offset=1', ['aside', 'blocked']],
  ])('%s', async (query, names) => {
    expect(idsOf(await list(query))).toEqual(named(...names));
  });

  test('tells the state and the reason of each', async () => {
    const { jobs } = await list('status=pending');
    expect(jobs.map(({ state }) => state)).toEqual(['ready', 'ready', 'blocked', 'scheduled']);
    expect(jobs[2]?.reason).toContain(`waits for 1 job(s): ${made.running} (running)`);
  });

  test('counts all of them, and says whether there is more', async () => {
    expect((await list('limit=3')).pagination).toEqual({
      limit: 3,
      offset: 0,
      total: 8,
      total_is_exact: true,
      has_more: true,
      next_cursor: made.blocked,
    });
    expect((await list('offset=6')).pagination).toMatchObject({
      total: 8,
      has_more: false,
      next_cursor: null,
    });
    expect((await list('offset=100')).pagination).toMatchObject({ total: 8, has_more: false });
  });

  test.each(['-created_at', 'created_at'])(
    'the cursor walks through all of them once, by %s',
    async (sort) => {
      const seen: number[] = [];
      let cursor: number | null = null;
      do {
        const { jobs, pagination } = await list(
          `sort=${sort}&limit=3${cursor === null ? '' : `&cursor=${cursor}`}`,
        );
        expect(pagination).toMatchObject({ total: 8, total_is_exact: true });
        seen.push(...idsOf({ jobs }));
        cursor = pagination.next_cursor;
      } while (cursor !== null);
      const all = Object.values(made).sort((a, b) => a - b);
      expect(seen).toEqual(sort === 'created_at' ? all : all.reverse());
    },
  );

  test('leaves large payloads and results out of the list, not out of the job', async () => {
    // Random, so that it does not shrink in storage.
    const noise = `(SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 1000))`;
    const [row] = await api.sql<{ id: number }>(
      `INSERT INTO jobs (job_type, payload, created_by) VALUES ('big', jsonb_build_object('noise', ${noise}), 'big') RETURNING id`,
    );
    const { jobs } = (await api.get('/api/jobs?created_by=big')).body;
    expect(jobs[0]).toMatchObject({ payload: null, is_payload_omitted: true, is_result_omitted: false });
    expect((await api.get(`/api/jobs/${row?.id}`)).body.job.payload).toEqual({
      noise: expect.stringMatching(/^.{32000}$/),
    });
  });

  test('counts to 10,000 and estimates beyond', async () => {
    await api.sql(`INSERT INTO jobs (job_type, queue) SELECT 'many', 'many' FROM generate_series(1, 10000)`);
    const exact = (await api.get('/api/jobs?queue=many&limit=1')).body.pagination;
    expect(exact).toMatchObject({ total: 10_000, total_is_exact: true });
    await api.sql(`INSERT INTO jobs (job_type, queue) SELECT 'many', 'many' FROM generate_series(1, 10000)`);
    await api.sql('ANALYZE jobs');
    for (const query of ['queue=many', 'queue=many&status=pending', 'status=pending']) {
      const { pagination } = (await api.get(`/api/jobs?${query}&limit=1`)).body;
      expect(pagination).toMatchObject({ total_is_exact: false });
      expect(Math.abs(pagination.total - 20_000)).toBeLessThan(2_000);
    }
  });
});

describe('GET /api/jobs/:id', () => {
  test('gives the job with its attempts, its neighbours, its state and why', async () => {
    const flaky = actJob('flaky', (_payload, { attempt, log }) => {
      log.info(`try ${attempt}`);
      throw new PermanentError('no good');
    });
    const { job_id: id } = (await api.post('/api/jobs', { job_type: 'flaky', payload: {} })).body;
    const child = { job_type: 'flaky', payload: {}, depends_on: [id] };
    const { job_id: childId } = (await api.post('/api/jobs', child)).body;
    const worker = createWorker({ installation: api.installation, jobs: [flaky] });
    await worker.runUntilEmpty();

    const { status, body } = await api.get(`/api/jobs/${id}`);
    expect(status).toBe(200);
    expect(body.job).toMatchObject({
      id,
      status: 'failed',
      state: 'failed',
      reason: 'no good',
      error_class: 'permanent',
      executions: [{ attempt: 1, status: 'failed', error_message: 'no good', logs: [{ message: 'try 1' }] }],
      dependents: [{ job_id: childId, on_failure: 'block', status: 'pending' }],
    });
    expect((await api.get(`/api/jobs/${childId}`)).body.job).toMatchObject({
      state: 'blocked',
      depends_on: [{ job_id: id, status: 'failed', satisfied_at: null }],
    });
  });

  test('of very many attempts the last ones, and how many there are', async () => {
    const id = await insert({ job_type: 'x', status: 'failed', attempt: 1_003 });
    await api.sql(
      `INSERT INTO job_executions (job_id, attempt, status, started_at, finished_at, duration_ms)
       SELECT $1, n, 'failed', now(), now(), 1 FROM generate_series(1, 1003) n`,
      [id],
    );
    const { executions, executions_total: total } = (await api.get(`/api/jobs/${id}`)).body.job;
    expect(total).toBe(1_003);
    expect(executions.map(({ attempt }) => attempt)).toEqual(Array.from({ length: 1_000 }, (_, n) => n + 4));
    const fresh = await insert({ job_type: 'x' });
    expect((await api.get(`/api/jobs/${fresh}`)).body.job).toMatchObject({
      executions: [],
      executions_total: 0,
    });
  });

  test('is 404 when there is none', async () => {
    expect(await api.get('/api/jobs/999999999')).toMatchObject({
      status: 404,
      body: { success: false, code: 'not_found', error: 'there is no job 999999999' },
    });
  });
});

describe('DELETE /api/jobs/:id', () => {
  test('cancels a pending job, with the reason; a second time is 409', async () => {
    const id = await insert({ job_type: 'x' });
    const { status, body } = await api.delete(`/api/jobs/${id}?reason=changed%20my%20mind`);
    expect(status).toBe(200);
    expect(body).toEqual({ success: true, message: `job ${id} is cancelled`, job_id: id });
    expect((await api.get(`/api/jobs/${id}`)).body.job).toMatchObject({
      status: 'cancelled',
      error_message: 'changed my mind',
    });
    expect(await api.delete(`/api/jobs/${id}`)).toMatchObject({
      status: 409,
      body: { code: 'already_finished' },
    });
  });

  test('stops a running handler', async () => {
    const held = new HeldRuns();
    const worker = createWorker({ installation: api.installation, jobs: [held.job] });
    await worker.start();
    try {
      const { job_id: id } = (await api.post('/api/jobs', { job_type: 'held', payload: {} })).body;
      const run = await held.run(0);
      expect((await api.delete(`/api/jobs/${id}`)).status).toBe(200);
      await eventually('the handler is told', () => run.ctx.signal.aborted);
      run.end();
      expect(await statusOf(id)).toBe('cancelled');
    } finally {
      held.endAll();
      await worker.stop();
    }
  });

  test('is 404 when there is none, also with a JSON header and no body', async () => {
    const headers = { 'content-type': 'application/json' };
    expect(await api.ask('DELETE', '/api/jobs/999999999', undefined, headers)).toMatchObject({
      status: 404,
      body: { code: 'not_found' },
    });
  });

  test('is 409 busy when somebody holds the row', async () => {
    const id = await insert({ job_type: 'x' });
    const holder = new pg.Client(api.connectionString);
    await holder.connect();
    try {
      await holder.query('BEGIN');
      await holder.query('SELECT 1 FROM jobs WHERE id = $1 FOR UPDATE', [id]);
      expect(await api.delete(`/api/jobs/${id}`)).toMatchObject({ status: 409, body: { code: 'busy' } });
    } finally {
      await holder.end();
    }
  });
});

describe('POST /api/jobs/:id/retry', () => {
  const retry = (id: number) => api.post(`/api/jobs/${id}/retry`);

  test('runs a failed job again, with new retries, and closes its dead letter', async () => {
    let isBroken = true;
    const mended = actJob('mended', () => {
      if (isBroken) throw new PermanentError('broken');
      return { isMended: true };
    });
    const { job_id: id } = (await api.post('/api/jobs', { job_type: 'mended', payload: {} })).body;
    const work = () => createWorker({ installation: api.installation, jobs: [mended] }).runUntilEmpty();
    await work();
    expect(await statusOf(id)).toBe('failed');

    isBroken = false;
    expect((await retry(id)).body).toEqual({
      success: true,
      message: `job ${id} is pending again`,
      job_id: id,
    });
    expect((await api.get(`/api/jobs/${id}`)).body.job).toMatchObject({
      status: 'pending',
      retry_count: 0,
      attempt: 1,
      completed_at: null,
    });
    expect(
      await api.sql('SELECT status, replayed_job_id FROM dead_letter_jobs WHERE job_id = $1', [id]),
    ).toEqual([{ status: 'replayed', replayed_job_id: id }]);
    await work();
    expect((await api.get(`/api/jobs/${id}`)).body.job).toMatchObject({
      status: 'completed',
      attempt: 2,
      result: { isMended: true },
    });
  });

  test('runs a cancelled job again', async () => {
    const id = await insert({ job_type: 'x', status: 'cancelled' });
    expect((await retry(id)).status).toBe(200);
    expect(await statusOf(id)).toBe('pending');
  });

  test.each(['pending', 'running', 'completed'])('a %s job is 409', async (status) => {
    const id = await insert({ job_type: 'x', status });
    expect(await retry(id)).toMatchObject({ status: 409, body: { code: 'not_retryable' } });
    expect(await statusOf(id)).toBe(status);
  });

  test('is 409 while another unfinished job has its unique key', async () => {
    const id = await insert({ job_type: 'x', status: 'failed', unique_key: 'u' });
    const other = await insert({ job_type: 'x', unique_key: 'u' });
    expect(await retry(id)).toMatchObject({ status: 409, body: { code: 'unique_key_in_use' } });
    await api.delete(`/api/jobs/${other}`);
    expect((await retry(id)).status).toBe(200);
  });

  test('ten at once run it again once', async () => {
    const id = await insert({ job_type: 'x', status: 'failed' });
    const answers = await Promise.all(Array.from({ length: 10 }, () => retry(id)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(9);
  });

  test('is 404 when there is none', async () => {
    expect((await retry(999_999_999)).status).toBe(404);
  });
});
