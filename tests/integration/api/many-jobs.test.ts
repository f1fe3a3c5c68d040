import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { startTestApi, type TestApi } from './test-api.js';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ redis: false });
});
beforeEach(() => api.sql('TRUNCATE jobs, job_executions, job_dependencies'));
afterAll(() => api.close());

const statuses = async () =>
  (await api.sql<{ status: string }>('SELECT status FROM jobs ORDER BY id')).map(({ status }) => status);

test('POST /api/jobs/retry runs the failed and cancelled jobs of a filter again', async () => {
  await api.sql(`INSERT INTO jobs (job_type, queue, status) VALUES
    ('x', 'mail', 'failed'), ('x', 'mail', 'cancelled'), ('x', 'mail', 'completed'), ('x', 'default', 'failed')`);
  const retry = (body: object) => api.post('/api/jobs/retry', { filter: { queue: 'mail' }, ...body });
  expect((await retry({ dry_run: true })).body).toEqual({
    success: true,
    count: 2,
    dry_run: true,
    has_more: false,
  });
  expect(await statuses()).toEqual(['failed', 'cancelled', 'completed', 'failed']);
  expect((await retry({ limit: 1 })).body).toEqual({
    success: true,
    count: 1,
    dry_run: false,
    has_more: true,
  });
  expect((await retry({})).body).toMatchObject({ count: 1, has_more: false });
  expect(await statuses()).toEqual(['pending', 'pending', 'completed', 'failed']);
});

test('POST /api/jobs/cancel cancels the pending and running jobs of a filter, with a reason', async () => {
  await api.sql(`INSERT INTO jobs (job_type, tags, status, worker_id, attempt) VALUES
    ('x', '{import-7}', 'pending', NULL, 0), ('x', '{import-7}', 'running', 'w-1', 1), ('x', '{import-7}', 'completed', 'w-1', 1),
    ('x', '{import-8}', 'pending', NULL, 0)`);
  const body = { filter: { tag: 'import-7' }, reason: 'wrong file' };
  expect(await api.post('/api/jobs/cancel', body)).toMatchObject({
    status: 200,
    body: { count: 2, dry_run: false, has_more: false },
  });
  expect(await statuses()).toEqual(['cancelled', 'cancelled', 'completed', 'pending']);
  const executions = await api.sql('SELECT attempt, status, error_message FROM job_executions');
  expect(executions).toEqual([{ attempt: 1, status: 'cancelled', error_message: 'wrong file' }]);
  expect(await api.sql('SELECT worker_id, attempt FROM cancel_requests')).toEqual([
    { worker_id: 'w-1', attempt: 1 },
  ]);
});

describe.each(['retry', 'cancel'])('POST /api/jobs/%s', (what) => {
  test.each<[string, unknown, string[]]>([
    ['no filter', {}, ['filter']],
    ['a filter that names nothing', { filter: {} }, ['filter']],
    ['a filter that is none', { filter: 'all' }, ['filter']],
    ['an unknown field', { filter: { queue: 'mail', que: 'mail' } }, ['filter.que']],
    ['no ids', { filter: { ids: [] } }, ['filter.ids']],
    ['an id that is none', { filter: { ids: [1, 'x'] } }, ['filter.ids.1']],
    ['a status of no use here', { filter: { status: 'completed' } }, ['filter.status']],
    ['a queue that is none', { filter: { queue: 'No!' } }, ['filter.queue']],
    ['a limit of 0', { filter: { queue: 'mail' }, limit: 0 }, ['limit']],
    ['a limit over 100,000', { filter: { queue: 'mail' }, limit: 100_001 }, ['limit']],
    ['a dry_run that is none', { filter: { queue: 'mail' }, dry_run: 'yes' }, ['dry_run']],
    ['something unknown', { filter: { queue: 'mail' }, all: true }, ['all']],
  ])('refuses %s, and changes nothing', async (_what, body, fields) => {
    await api.sql(`INSERT INTO jobs (job_type, status) VALUES ('x', 'failed'), ('x', 'pending')`);
    const answer = await api.post(`/api/jobs/${what}`, body);
    expect([answer.status, answer.body.details.map(({ field }) => field)]).toEqual([400, fields]);
    expect(await statuses()).toEqual(['failed', 'pending']);
  });
});
