import { afterAll, expect, test } from '@jest/globals';
import { createKey } from '../../../shared/keys/create-key.js';
import { bearer } from './auth/test-keys.js';
import { startTestApi } from './test-api.js';

const api = await startTestApi({ redis: false });
afterAll(() => api.close());

const JOB = { job_type: 'x', payload: {} };
const submit = async (key: string, headers: Record<string, string> = {}) =>
  (await api.post('/api/jobs', JOB, { 'idempotency-key': key, ...headers })).body.job_id;

test('a job shows the idempotency key that it was submitted with, by itself and in a list', async () => {
  const id = await submit('order-17');
  // What begins like the id of an API key, but of none there is, was given so.
  const slashed = await submit('2024/05');
  const { body } = await api.post('/api/jobs/batch', { jobs: [{ ...JOB, idempotency_key: 'line-1' }, JOB] });
  expect((await api.get(`/api/jobs/${id}`)).body.job.idempotency_key).toBe('order-17');
  expect((await api.get(`/api/jobs/${slashed}`)).body.job.idempotency_key).toBe('2024/05');
  const shown = (await api.get('/api/jobs?sort=asc')).body.jobs.map((job) => [job.id, job.idempotency_key]);
  expect(shown).toEqual([
    [id, 'order-17'],
    [slashed, '2024/05'],
    [body.job_ids[0], 'line-1'],
    [body.job_ids[1], null],
  ]);
});

test('also where it is stored behind the API key it came with', async () => {
  const { key, secret } = await createKey(api.installation, { name: 'ops', role: 'admin' });
  const headers = bearer(secret);
  await api.get('/api/jobs', headers);
  const id = await submit('7/order-17', headers);
  const [row] = await api.sql<{ stored: string }>(
    'SELECT idempotency_key AS stored FROM jobs WHERE id = $1',
    [id],
  );
  expect(row?.stored).toBe(`${key.id}/7/order-17`);
  expect((await api.get(`/api/jobs/${id}`, headers)).body.job.idempotency_key).toBe('7/order-17');
  expect((await api.get('/api/jobs', headers)).body.jobs[0]?.idempotency_key).toBe('7/order-17');
});
