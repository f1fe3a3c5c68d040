import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import { startTestApi } from './test-api.js';

/** What must not be overlooked, let through, or waited for. */
const api = await startTestApi();
afterAll(() => api.close());
beforeEach(() => api.sql('TRUNCATE jobs, job_executions, job_dependencies, dead_letter_jobs, api_keys'));

const submit = async (job: object = {}) =>
  (await api.post('/api/jobs', { job_type: 'x', payload: {}, ...job })).body.job_id;

describe('what a route does not ask for', () => {
  test('is refused in the query string of every route, so that no dry_run is overlooked', async () => {
    const id = await submit();
    const body = { filter: { job_type: 'x' } };
    for (const path of [
      '/api/jobs/cancel',
      '/api/jobs',
      `/api/jobs/${id}/retry`,
      '/api/queues/default/resume',
    ]) {
      const { status, body: answer } = await api.post(`${path}?dry_run=true`, body);
      expect({ path, status, details: answer.details }).toMatchObject({
        status: 400,
        details: expect.arrayContaining([{ field: 'dry_run', problem: 'is not known here' }]),
      });
    }
    expect((await api.get(`/api/jobs/${id}?foo=bar`)).status).toBe(400);
    expect((await api.get(`/api/jobs/${id}`)).body.job.status).toBe('pending');
  });

  test('is refused in a body that nobody asked for; an empty one will do', async () => {
    await submit();
    const answer = await api.post('/api/queues/default/resume', { at: 'noon' });
    expect(answer).toMatchObject({ status: 400, body: { details: [{ field: 'at' }] } });
    expect((await api.post('/api/queues/default/resume', {})).status).toBe(200);
  });

  test('an Idempotency-Key of a whole batch says where it belongs', async () => {
    const jobs = [{ job_type: 'x', payload: {} }];
    const answer = await api.post('/api/jobs/batch', { jobs }, { 'idempotency-key': 'once' });
    expect(answer).toMatchObject({ status: 400, body: { details: [{ field: 'Idempotency-Key' }] } });
  });

  test('an empty filter is not every dead letter', async () => {
    for (const verb of ['replay', 'discard']) {
      const empty = await api.post(`/api/dead-letters/${verb}`, { filter: {} });
      expect(empty).toMatchObject({ status: 400, body: { details: [{ field: 'filter' }] } });
      const all = await api.post(`/api/dead-letters/${verb}`, { filter: { all: true }, dry_run: true });
      expect(all).toMatchObject({ status: 200, body: { count: 0 } });
    }
  });
});

test.each(['0000-01-01T00:00:00Z', '9999-12-31T23:59:59-14:00'])(
  'the time %s is named as what is wrong',
  async (time) => {
    const problem = { problem: 'must be a time from the years 1970 to 9999' };
    const single = await api.post('/api/jobs', { job_type: 'x', payload: {}, scheduled_at: time });
    expect(single).toMatchObject({ status: 400, body: { details: [{ field: 'scheduled_at', ...problem }] } });
    const key = await api.post('/api/keys', { name: 'a', role: 'viewer', expires_at: time });
    expect(key).toMatchObject({ status: 400, body: { details: [{ field: 'expires_at', ...problem }] } });
  },
);

test('lists leave out what is long, also when little of it is stored', async () => {
  const letters = (count: number) => ({ text: 'x'.repeat(count) });
  await submit({ payload: letters(500_000), metadata: letters(500_000) });
  await submit({ payload: letters(10_000) });
  const { body, text } = await api.get('/api/jobs');
  expect(text.length).toBeLessThan(50_000);
  expect(body.jobs).toMatchObject([
    { payload: letters(10_000), is_payload_omitted: false, metadata: null, is_metadata_omitted: false },
    { payload: null, is_payload_omitted: true, metadata: null, is_metadata_omitted: true },
  ]);
});

test('a dead letter that somebody holds is busy at once', async () => {
  await api.sql(`INSERT INTO dead_letter_jobs (id, job_id, queue, job_type, payload, fingerprint, attempts, reason)
    VALUES (7, 1, 'default', 'x', '{}', 'f', 1, 'permanent')`);
  await api.installation.db.transaction(async (tx) => {
    await tx.query('SELECT 1 FROM dead_letter_jobs FOR UPDATE');
    const patched = await api.patch('/api/dead-letters/7', { note: 'n' });
    expect(patched).toMatchObject({ status: 409, body: { code: 'busy' } });
  });
});

describe('while nobody is asked for a key', () => {
  const foreign = [
    { host: 'evil.example' },
    { origin: 'http://evil.example' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
  ];
  test.each(foreign)('a page of another site (%j) may do nothing', async (headers) => {
    const answer = await api.post('/api/queues/x/pause', {}, headers);
    expect(answer).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    expect((await api.get('/api/jobs', headers as Record<string, string>)).status).toBe(403);
  });

  test.each([{ host: 'localhost:3000' }, { host: '[::1]:3000' }, { origin: 'http://127.0.0.1:8080' }])(
    'this machine (%j) may do all',
    async (headers) => {
      expect((await api.get('/api/jobs', headers as Record<string, string>)).status).toBe(200);
    },
  );
});
