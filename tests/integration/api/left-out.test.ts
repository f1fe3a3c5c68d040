import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import { startTestApi } from './test-api.js';

/** What says nothing is as if it was not there: null for what may be left out, an empty text for a filter. */
const api = await startTestApi({ redis: false });
afterAll(() => api.close());
beforeEach(() => api.sql('TRUNCATE jobs, job_executions, job_dependencies'));

const JOB = { job_type: 'x', payload: {} };
const NULLS = {
  queue: null,
  priority: null,
  max_retries: null,
  timeout_ms: null,
  scheduled_at: null,
  delay_ms: null,
  depends_on: null,
  metadata: null,
  tags: null,
  unique_key: null,
  unique_policy: null,
  created_by: null,
};
const DEFAULTS = {
  queue: 'default',
  priority: 50,
  max_retries: 3,
  timeout_ms: 300_000,
  scheduled_at: null,
  metadata: null,
  tags: null,
  unique_key: null,
  created_by: null,
};

describe('null in a job that is submitted', () => {
  test.each(Object.keys(NULLS))('is no %s', async (field) => {
    const { status, body } = await api.post('/api/jobs', { ...JOB, [field]: null });
    expect([status, body.status]).toEqual([201, 'pending']);
    expect((await api.get(`/api/jobs/${body.job_id}`)).body.job).toMatchObject(DEFAULTS);
  });

  test('is the same request as without it', async () => {
    const headers = { 'idempotency-key': 'once' };
    const { job_id: id } = (await api.post('/api/jobs', JOB, headers)).body;
    const again = await api.post('/api/jobs', { ...JOB, ...NULLS }, headers);
    expect(again).toMatchObject({ status: 200, body: { job_id: id, is_existing: true } });
  });

  test('is nothing in each job of a batch, and of a dependency, either', async () => {
    const { job_id: parent } = (await api.post('/api/jobs', JOB)).body;
    const many = await api.post('/api/jobs/batch', {
      jobs: [
        { ...JOB, ...NULLS, idempotency_key: null },
        { ...JOB, depends_on: [{ job_id: parent, on_failure: null }] },
      ],
    });
    expect(many.status).toBe(201);
    const [first, second] = many.body.job_ids;
    expect((await api.get(`/api/jobs/${first}`)).body.job).toMatchObject(DEFAULTS);
    const { depends_on } = (await api.get(`/api/jobs/${second}`)).body.job;
    expect(depends_on).toMatchObject([{ job_id: parent, on_failure: 'block' }]);
  });

  test('goes together with what it would not go together with', async () => {
    const later = { ...JOB, scheduled_at: null, delay_ms: 60_000, unique_policy: null };
    expect((await api.post('/api/jobs', later)).status).toBe(201);
    const wrong = await api.post('/api/jobs', { ...JOB, unique_policy: 'return_existing', unique_key: null });
    expect(wrong).toMatchObject({ status: 400, body: { details: [{ field: 'unique_policy' }] } });
  });

  test.each(['job_type', 'payload'])('is no %s, which is asked for', async (field) => {
    const answer = await api.post('/api/jobs', { ...JOB, [field]: null });
    expect(answer).toMatchObject({ status: 400, body: { details: [{ field }] } });
  });
});

test.each([
  '/api/jobs?status=&job_type=&queue=&created_by=&tag=',
  '/api/dead-letters?status=&queue=&job_type=&error_class=&fingerprint=&reason=',
  '/api/dead-letters/groups?status=&queue=&job_type=',
  '/api/schedules?enabled=&job_type=&queue=',
  '/api/workers?status=',
])('%s filters nothing', async (path) => {
  await api.post('/api/jobs', JOB);
  const { status, body } = await api.get(path);
  expect(status).toBe(200);
  expect(body.jobs?.length ?? 1).toBe(1);
});

test('an empty filter beside others leaves those', async () => {
  await api.post('/api/jobs', { ...JOB, queue: 'mail' });
  await api.post('/api/jobs', JOB);
  expect((await api.get('/api/jobs?queue=mail&status=')).body.jobs).toMatchObject([{ queue: 'mail' }]);
  // What changes jobs takes nothing that says nothing: a name that was forgotten must not mean every queue.
  const answer = await api.post('/api/jobs/cancel', { filter: { status: 'pending', queue: null } });
  expect(answer).toMatchObject({ status: 400, body: { details: [{ field: 'filter.queue' }] } });
});
