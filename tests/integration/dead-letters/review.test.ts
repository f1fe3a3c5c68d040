import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { fingerprint } from '../../../shared/jobs/dead-letter-jobs.js';
import { rescueJobs } from '../../../shared/jobs/rescue-jobs.js';
import { fileDeadJob, fileDeadJobs } from '../../support/dead-jobs.js';
import { eventually } from '../../support/eventually.js';
import { startTestApi, type TestApi } from '../api/test-api.js';

/** Looking at dead letters and noting on them, by HTTP. */
let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ redis: false });
});
beforeEach(() =>
  api.sql('TRUNCATE jobs, job_executions, job_dependencies, dead_letter_jobs RESTART IDENTITY'),
);
afterAll(() => api.close());

const idsOf = async (query = '') =>
  (await api.get(`/api/dead-letters${query}`)).body.dead_letters.map(({ id }) => id);

describe('GET /api/dead-letters', () => {
  test('lists open ones, newest first, page by page', async () => {
    await fileDeadJobs(api, 5);
    await api.delete('/api/dead-letters/3');
    const { body } = await api.get('/api/dead-letters?limit=2');
    expect(body.dead_letters.map(({ id }) => id)).toEqual([5, 4]);
    expect(body.pagination).toEqual({ limit: 2, has_more: true, next_cursor: 4 });
    const last = (await api.get('/api/dead-letters?limit=2&cursor=4')).body;
    expect(last.dead_letters.map(({ id }) => id)).toEqual([2, 1]);
    expect(last.pagination).toEqual({ limit: 2, has_more: false, next_cursor: null });
  });

  test('filters by each of its columns', async () => {
    const mail = await fileDeadJob(api, {
      queue: 'mail',
      jobType: 'email',
      error: 'full',
      reason: 'permanent',
    });
    const poison = await fileDeadJob(api, { errorClass: 'lost', reason: 'poison' });
    const print = fingerprint('email', 'unknown', 'full');
    for (const query of ['queue=mail', 'job_type=email', 'reason=permanent', `fingerprint=${print}`]) {
      expect([query, await idsOf(`?${query}`)]).toEqual([query, [mail.id]]);
    }
    expect(await idsOf('?error_class=lost&queue=default')).toEqual([poison.id]);
    await api.delete(`/api/dead-letters/${poison.id}`);
    expect(await idsOf('?status=discarded')).toEqual([poison.id]);
    expect(await idsOf('?status=any')).toEqual([poison.id, mail.id]);
    expect(await idsOf('?status=replayed')).toEqual([]);
  });

  test('leaves a large payload to the letter itself', async () => {
    // Random, so that it stays large when it is compressed.
    const text = Array.from({ length: 30_000 }, () => Math.random().toString(36)[5]).join('');
    const { id } = await fileDeadJob(api, { payload: { text } });
    const [listed] = (await api.get('/api/dead-letters')).body.dead_letters;
    expect(listed).toMatchObject({ payload: null, is_payload_omitted: true });
    expect((await api.get(`/api/dead-letters/${id}`)).body.dead_letter.payload).toEqual({ text });
  });

  test.each([
    ['?status=closed', 'status'],
    ['?reason=bad', 'reason'],
    ['?queue=No%20Spaces', 'queue'],
    ['?limit=0', 'limit'],
    ['?cursor=x', 'cursor'],
    ['?colour=red', 'colour'],
    ['/groups?status=closed', 'status'],
    ['/groups?limit=1001', 'limit'],
    ['/groups?cursor=1', 'cursor'],
    ['/abc', 'id'],
    ['/0', 'id'],
  ])('%s is 400 and names %s', async (query, field) => {
    const { status, body } = await api.get(`/api/dead-letters${query}`);
    expect([status, body.code, body.details[0]?.field]).toEqual([400, 'validation_failed', field]);
  });
});

describe('GET /api/dead-letters/groups', () => {
  const groups = async (query = '') => (await api.get(`/api/dead-letters/groups${query}`)).body.groups;

  test('counts alike errors together, the largest group first, with when and where', async () => {
    await fileDeadJobs(api, 2, { queue: 'mail', jobType: 'email', error: 'user 17 not found' });
    await fileDeadJob(api, { queue: 'bulk', jobType: 'email', error: 'user 4711 not found' });
    await fileDeadJob(api, { jobType: 'email', error: 'mailbox full' });
    await fileDeadJob(api, { jobType: 'sms', error: 'user 17 not found' });
    await api.sql(`UPDATE dead_letter_jobs SET created_at = '2999-01-01T00:00:00Z' WHERE id = 1`);
    await api.sql(`UPDATE dead_letter_jobs SET created_at = '2999-01-03T00:00:00Z' WHERE id = 3`);
    const [first, ...others] = await groups();
    expect(first).toEqual({
      fingerprint: fingerprint('email', 'unknown', 'user 1 not found'),
      job_type: 'email',
      error_class: 'unknown',
      error_message: 'user 4711 not found',
      count: 3,
      first_seen: expect.any(String),
      last_seen: '2999-01-03T00:00:00.000Z',
      queues: ['bulk', 'mail'],
    });
    expect(others.map(({ job_type, count }) => [job_type, count])).toEqual([
      ['sms', 1],
      ['email', 1],
    ]);
    expect(await groups('?queue=bulk')).toMatchObject([{ count: 1, queues: ['bulk'] }]);
    expect(await groups('?job_type=sms')).toMatchObject([{ job_type: 'sms' }]);
    const limited = (await api.get('/api/dead-letters/groups?limit=1')).body;
    expect(limited).toMatchObject({ groups: [{ count: 3 }], has_more: true });
  });

  test('knows the open ones, or those of another status; SQL has the same of the open ones', async () => {
    await fileDeadJobs(api, 3, { queue: 'mail' });
    await api.delete('/api/dead-letters/1');
    expect(await groups()).toMatchObject([{ count: 2 }]);
    expect(await groups('?status=discarded')).toMatchObject([{ count: 1 }]);
    expect(await groups('?status=any')).toMatchObject([{ count: 3 }]);
    const [row] = await api.sql('SELECT * FROM dead_letter_groups');
    expect(JSON.parse(JSON.stringify(row))).toEqual((await groups())[0]);
  });

  test('counts open ones in the index, and does not read the letters', async () => {
    await fileDeadJobs(api, 2_000, { payload: { text: 'x'.repeat(1_000) } });
    // With asynchronous commits a vacuum sees what was committed only when the log is on disk.
    const plan = await eventually('the plan reads the index alone', async () => {
      await api.sql('VACUUM ANALYZE dead_letter_jobs');
      const lines = await api.sql<{ 'QUERY PLAN': string }>('EXPLAIN SELECT * FROM dead_letter_groups');
      const text = lines.map((line) => line['QUERY PLAN']).join('\n');
      return text.includes('Index Only Scan using dead_letter_jobs_by_fingerprint') && text;
    });
    expect(plan).not.toContain('Seq Scan');
  });

  test('poison jobs have a group for each job type, whoever rescued them', async () => {
    await api.sql(
      `INSERT INTO jobs (job_type, status, worker_id, attempt, lost_count)
       SELECT type, 'running', 'gone-' || type, 5, 4 FROM unnest('{a,a,b}'::text[]) AS type`,
    );
    await api.sql(
      `INSERT INTO claim_batches SELECT worker_id, 1, array_agg(id) FROM jobs WHERE status = 'running' GROUP BY worker_id`,
    );
    await rescueJobs(api.installation, 'ever');
    const found = await groups();
    expect(found.map((group) => [group.job_type, group.count, group.fingerprint])).toEqual([
      ['a', 2, fingerprint('a', 'lost', 'poison')],
      ['b', 1, fingerprint('b', 'lost', 'poison')],
    ]);
  });
});

describe('GET /api/dead-letters/:id', () => {
  test('shows all attempts with their stacks, and how the job stands', async () => {
    const { id, jobId } = await fileDeadJob(api, { payload: { a: 1 }, error: 'no such account' });
    const { dead_letter: letter } = (await api.get(`/api/dead-letters/${id}`)).body;
    expect(letter).toMatchObject({
      id,
      job_id: jobId,
      status: 'open',
      reason: 'max_retries',
      attempts: 4,
      payload: { a: 1 },
      replayed_payload: null,
      is_corrected: false,
      job_status: 'failed',
      reviewed_at: null,
      replays: [{ id, status: 'open' }],
    });
    expect(letter.executions.map(({ attempt, error_stack }) => [attempt, error_stack])).toEqual(
      [1, 2, 3, 4].map((attempt) => [attempt, `Error: no such account at attempt ${attempt}`]),
    );
  });

  test('outlives its job', async () => {
    const { id, jobId } = await fileDeadJob(api);
    await api.sql('DELETE FROM jobs WHERE id = $1', [jobId]);
    const { dead_letter: letter } = (await api.get(`/api/dead-letters/${id}`)).body;
    expect(letter).toMatchObject({ job_id: jobId, job_status: null, executions: [] });
  });

  test('is 404 when there is none', async () => {
    const answer = await api.get('/api/dead-letters/999');
    expect(answer).toMatchObject({ status: 404, body: { error: 'there is no dead letter 999' } });
  });
});

describe('PATCH /api/dead-letters/:id', () => {
  test('writes a note, and takes it off', async () => {
    const { id } = await fileDeadJob(api);
    const noted = await api.patch(`/api/dead-letters/${id}`, { note: 'asked the bank' });
    expect(noted.body.dead_letter).toMatchObject({ id, note: 'asked the bank', status: 'open' });
    expect((await api.patch(`/api/dead-letters/${id}`, { note: null })).body.dead_letter.note).toBeNull();
  });

  test.each([
    ['no note', {}, 'note'],
    ['an empty note', { note: '' }, 'note'],
    ['a number', { note: 5 }, 'note'],
    ['a note of a book', { note: 'x'.repeat(2_001) }, 'note'],
    ['a note with U+0000', { note: 'a\u0000b' }, 'note'],
    ['another field', { note: 'x', status: 'open' }, 'status'],
  ])('%s is 400 and names the field', async (_what, body, field) => {
    const { id } = await fileDeadJob(api);
    const answer = await api.patch(`/api/dead-letters/${id}`, body);
    expect([answer.status, answer.body.details[0]?.field]).toEqual([400, field]);
  });

  test('is 404 when there is none', async () => {
    expect((await api.patch('/api/dead-letters/999', { note: 'x' })).status).toBe(404);
  });
});
