import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { replayDeadLetters } from '../../../shared/dead-letters/replay-dead-letters.js';
import { createWorker } from '../../../workers/create-worker.js';
import { fileDeadJob, fileDeadJobs } from '../../support/dead-jobs.js';
import { withQuery } from '../../support/spied-queries.js';
import { actJob } from '../../support/test-jobs.js';
import { startTestApi, type TestApi } from '../api/test-api.js';

/** Many dead letters at once, by HTTP: replayed at a rate, or discarded. */
let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ redis: false });
});
beforeEach(() =>
  api.sql('TRUNCATE jobs, job_executions, job_dependencies, dead_letter_jobs RESTART IDENTITY'),
);
afterAll(() => api.close());

const replay = (body: Record<string, unknown>) =>
  api.post('/api/dead-letters/replay', { filter: { all: true }, ...body });
const discard = (body: Record<string, unknown>) =>
  api.post('/api/dead-letters/discard', { filter: { all: true }, ...body });
const counted = async () =>
  Object.fromEntries(
    (
      await api.sql<{ status: string; n: number }>(
        'SELECT status, count(*) AS n FROM dead_letter_jobs GROUP BY status',
      )
    ).map(({ status, n }) => [status, n]),
  );
/** Of the pending jobs in the order of their letters: seconds between the first and each. */
const spacing = async () =>
  (
    await api.sql<{ after: number }>(
      `SELECT date_part('epoch', scheduled_at - min(scheduled_at) OVER ()) AS after
         FROM jobs WHERE status = 'pending' ORDER BY id`,
    )
  ).map(({ after }) => Math.round(after * 1_000) / 1_000);

describe('POST /api/dead-letters/replay', () => {
  test('spaces the due times of the jobs at the rate, the oldest letter first', async () => {
    await fileDeadJobs(api, 5);
    const { status, body } = await replay({ rate_per_second: 4 });
    expect([status, body]).toEqual([
      200,
      {
        success: true,
        count: 5,
        skipped: 0,
        has_more: false,
        dry_run: false,
        rate_per_second: 4,
        last_due_at: expect.any(String),
      },
    ]);
    expect(await spacing()).toEqual([0, 0.25, 0.5, 0.75, 1]);
    const [last] = await api.sql<{ at: Date }>('SELECT max(scheduled_at) AS at FROM jobs');
    expect(body.last_due_at).toBe(last!.at.toISOString());
    expect(await counted()).toEqual({ replayed: 5 });
  });

  test('keeps the rate from page to page', async () => {
    await fileDeadJobs(api, 2_500);
    const { body } = await replay({ rate_per_second: 1_000, limit: 100_000 });
    expect(body).toMatchObject({ count: 2_500, has_more: false });
    const apart = await spacing();
    expect(apart).toHaveLength(2_500);
    // Never faster than asked for, whatever a page took.
    for (const [n, after] of apart.entries()) expect(after).toBeGreaterThanOrEqual(n / 1_000 - 0.001);
  });

  test('changes at most a thousand letters in a statement', async () => {
    await fileDeadJobs(api, 2_500);
    const pages: number[] = [];
    const db = withQuery(api.installation.db, async (run, text, values) => {
      const result = await run(text, values);
      if (text.includes('replay_dead_letters')) pages.push((result.rows[0] as { found: number }).found);
      return result;
    });
    await replayDeadLetters({ ...api.installation, db }, { filter: {}, limit: 100_000 });
    expect(pages).toEqual([1_000, 1_000, 500]);
  });

  test('takes what the filter says, and no more than the limit', async () => {
    const mail = await fileDeadJobs(api, 3, { queue: 'mail', errorClass: 'transient' });
    const others = await fileDeadJobs(api, 2);
    expect((await replay({ filter: { queue: 'nowhere' } })).body).toMatchObject({
      count: 0,
      last_due_at: null,
    });
    const first = await replay({ filter: { queue: 'mail', error_class: 'transient' }, limit: 2 });
    expect(first.body).toMatchObject({ count: 2, has_more: true });
    const rest = await replay({ filter: { queue: 'mail' }, limit: 1 });
    expect(rest.body).toMatchObject({ count: 1, has_more: false });
    const one = await replay({ filter: { ids: [others[1]!.id, mail[0]!.id, 4711] } });
    expect(one.body).toMatchObject({ count: 1, skipped: 0 });
    expect((await replay({ filter: { job_type: 'report', reason: 'max_retries' } })).body.count).toBe(1);
    expect(await counted()).toEqual({ replayed: 5 });
  });

  test('by fingerprint runs one group, with a real worker', async () => {
    await fileDeadJobs(api, 20, { error: 'bank away' });
    await fileDeadJobs(api, 3, { error: 'no such account' });
    const [group] = (await api.get('/api/dead-letters/groups')).body.groups;
    await replay({
      filter: { fingerprint: group!.fingerprint },
      rate_per_second: 10_000,
      note: 'bank is back',
    });
    const report = actJob('report', () => 'done');
    await createWorker({ installation: api.installation, jobs: [report] }).runUntilEmpty();
    expect(
      await api.sql(
        `SELECT status, attempt, retry_count, count(*) AS n FROM jobs GROUP BY 1, 2, 3 ORDER BY 1`,
      ),
    ).toEqual([
      { status: 'completed', attempt: 5, retry_count: 0, n: 20 },
      { status: 'failed', attempt: 4, retry_count: 3, n: 3 },
    ]);
    expect(
      await api.sql('SELECT DISTINCT note FROM dead_letter_jobs WHERE status = $1', ['replayed']),
    ).toEqual([{ note: 'bank is back' }]);
  });

  test('a preview counts, says when the last would be due, and changes nothing', async () => {
    await fileDeadJobs(api, 1_500);
    await fileDeadJob(api, { uniqueKey: 'taken' });
    await api.sql(`INSERT INTO jobs (job_type, unique_key) VALUES ('x', 'taken')`);
    const read = () =>
      api.sql('SELECT * FROM dead_letter_jobs d JOIN jobs j ON j.id = d.job_id ORDER BY d.id');
    const before = await read();
    const [{ now }] = (await api.sql('SELECT clock_timestamp() AS now')) as [{ now: Date }];
    const { body } = await replay({ dry_run: true, limit: 5_000, rate_per_second: 10 });
    expect(body).toMatchObject({ count: 1_500, skipped: 1, has_more: false, dry_run: true });
    const lastAfterMs = new Date(body.last_due_at!).getTime() - now.getTime();
    expect(lastAfterMs).toBeGreaterThanOrEqual(149_900);
    expect(lastAfterMs).toBeLessThan(180_000);
    expect((await replay({ dry_run: true })).body).toMatchObject({ count: 1_000, has_more: true });
    expect(await read()).toEqual(before);
    const real = await replay({ limit: 5_000 });
    expect(real.body).toMatchObject({ count: 1_500, skipped: 1 });
  });

  test('leaves open, and counts, letters whose job cannot run again now', async () => {
    const [taken, first, twin, held, ranByHand] = await Promise.all([
      fileDeadJob(api, { uniqueKey: 'taken' }),
      fileDeadJob(api, { uniqueKey: 'same' }),
      fileDeadJob(api, { uniqueKey: 'same' }),
      fileDeadJob(api),
      fileDeadJob(api),
    ]);
    await api.sql(`INSERT INTO jobs (job_type, unique_key) VALUES ('x', 'taken')`);
    await api.sql(
      `UPDATE jobs SET status = 'running', started_at = now(), completed_at = NULL WHERE id = $1`,
      [ranByHand.jobId],
    );
    const holder = new pg.Client(api.connectionString);
    await holder.connect();
    try {
      await holder.query('BEGIN');
      await holder.query('SELECT 1 FROM jobs WHERE id = $1 FOR UPDATE', [held.jobId]);
      expect((await replay({})).body).toMatchObject({ count: 1, skipped: 4, has_more: false });
    } finally {
      await holder.end();
    }
    const oldest = Math.min(first.id, twin.id);
    const open = await api.sql(`SELECT id FROM dead_letter_jobs WHERE status = 'open' ORDER BY id`);
    const left = [taken.id, first.id, twin.id, held.id, ranByHand.id].filter((id) => id !== oldest);
    expect(open.map(({ id }) => id)).toEqual(left.sort((a, b) => a - b));
    await api.sql(
      `UPDATE jobs SET status = 'completed', completed_at = now() WHERE unique_key = 'taken' AND job_type = 'x'`,
    );
    expect((await replay({})).body).toMatchObject({ count: 2, skipped: 2 });
  });

  test('a key that is taken between the look and the write leaves out the jobs with a key', async () => {
    const keyed = await fileDeadJob(api, { uniqueKey: 'race' });
    await fileDeadJobs(api, 2);
    // Not committed: the look does not see it, and the write would wait for it.
    const twin = new pg.Client(api.connectionString);
    await twin.connect();
    try {
      await twin.query('BEGIN');
      await twin.query(`INSERT INTO jobs (job_type, unique_key) VALUES ('x', 'race')`);
      expect((await replay({})).body).toMatchObject({ count: 2, skipped: 1 });
      await twin.query('COMMIT');
    } finally {
      await twin.end();
    }
    expect((await api.get(`/api/dead-letters/${keyed.id}`)).body.dead_letter.status).toBe('open');
  });

  test('gives deleted jobs new ids, each in its letter', async () => {
    const letters = await fileDeadJobs(api, 3, { payload: { a: 1 } });
    await api.sql('DELETE FROM jobs WHERE id <> $1', [letters[1]!.jobId]);
    expect((await replay({ rate_per_second: 10 })).body.count).toBe(3);
    const rows = await api.sql(
      `SELECT d.job_id, d.replayed_job_id = d.job_id AS same, j.status, j.payload, j.metadata
         FROM dead_letter_jobs d JOIN jobs j ON j.id = d.replayed_job_id ORDER BY d.id`,
    );
    expect(rows).toEqual(
      letters.map(({ jobId }, index) => ({
        job_id: jobId,
        same: index === 1,
        status: 'pending',
        payload: { a: 1 },
        metadata: index === 1 ? null : { replay_of: jobId },
      })),
    );
  });

  test('five at once replay each letter once', async () => {
    await fileDeadJobs(api, 1_200);
    const answers = await Promise.all(Array.from({ length: 5 }, () => replay({ limit: 10_000 })));
    expect(answers.map(({ status }) => status)).toEqual(Array(5).fill(200));
    expect(answers.reduce((sum, { body }) => sum + body.count, 0)).toBe(1_200);
    expect(await counted()).toEqual({ replayed: 1_200 });
    expect(await api.sql('SELECT count(*) AS n, sum(attempt) AS attempts FROM jobs')).toEqual([
      { n: 1_200, attempts: 4_800 },
    ]);
  });
});

describe('POST /api/dead-letters/discard', () => {
  test('closes what the filter says, after a preview that does not', async () => {
    await fileDeadJobs(api, 1_200, { queue: 'mail' });
    await fileDeadJob(api);
    const filter = { queue: 'mail' };
    const wish = { filter, limit: 1_100, note: 'last year’s' };
    expect((await discard({ ...wish, dry_run: true })).body).toMatchObject({ count: 1_100, has_more: true });
    expect(await counted()).toEqual({ open: 1_201 });
    const { body } = await discard(wish);
    expect(body).toEqual({ success: true, count: 1_100, skipped: 0, has_more: true, dry_run: false });
    expect((await discard({ filter })).body).toMatchObject({ count: 100, has_more: false });
    expect(await counted()).toEqual({ discarded: 1_200, open: 1 });
    expect(await api.sql(`SELECT DISTINCT status FROM jobs`)).toEqual([{ status: 'failed' }]);
    expect(await api.sql('SELECT count(*) AS n FROM dead_letter_jobs WHERE note = $1', [wish.note])).toEqual([
      { n: 1_100 },
    ]);
  });
});

describe('DELETE /api/dead-letters/:id', () => {
  test('discards one, with a note; a second time says so', async () => {
    const { id, jobId } = await fileDeadJob(api);
    const answer = await api.delete(`/api/dead-letters/${id}?note=not%20needed`);
    expect(answer.body).toEqual({
      success: true,
      message: `dead letter ${id} is discarded`,
      dead_letter_id: id,
      already_discarded: false,
    });
    expect((await api.delete(`/api/dead-letters/${id}`)).body).toMatchObject({ already_discarded: true });
    expect((await api.get(`/api/dead-letters/${id}`)).body.dead_letter).toMatchObject({
      status: 'discarded',
      note: 'not needed',
      reviewed_at: expect.any(String),
      job_id: jobId,
      job_status: 'failed',
      replayed_job_id: null,
    });
  });

  test('is 409 for a replayed letter, and 404 for none', async () => {
    const { id } = await fileDeadJob(api);
    await api.post(`/api/dead-letters/${id}/replay`);
    expect(await api.delete(`/api/dead-letters/${id}`)).toMatchObject({
      status: 409,
      body: { code: 'not_discardable' },
    });
    expect((await api.delete('/api/dead-letters/999')).status).toBe(404);
  });

  test('against a replay: one of them wins', async () => {
    for (let round = 0; round < 20; round++) {
      const { id, jobId } = await fileDeadJob(api);
      const [discarded, replayed] = await Promise.all([
        api.delete(`/api/dead-letters/${id}`),
        api.post(`/api/dead-letters/${id}/replay`),
      ]);
      expect([discarded.status, replayed.status].sort()).toEqual([200, 409]);
      const { status } = (await api.get(`/api/jobs/${jobId}`)).body.job;
      expect(status).toBe(replayed.status === 200 ? 'pending' : 'failed');
    }
  });
});

describe('bad input names the field', () => {
  test.each([
    [{ filter: undefined }, 'filter'],
    [{ filter: { colour: 'red' } }, 'filter.colour'],
    [{ filter: { queue: 'No' } }, 'filter.queue'],
    [{ filter: { ids: [] } }, 'filter.ids'],
    [{ filter: { ids: [1.5] } }, 'filter.ids.0'],
    [{ filter: { reason: 'bad' } }, 'filter.reason'],
    [{ filter: { job_type: 'a\u0000' } }, 'filter.job_type'],
    [{ limit: 0 }, 'limit'],
    [{ limit: 100_001 }, 'limit'],
    [{ dry_run: 'yes' }, 'dry_run'],
    [{ note: 1 }, 'note'],
  ])('%j', async (body, field) => {
    for (const act of [replay, discard]) {
      const answer = await act(body);
      expect([answer.status, answer.body.details[0]?.field]).toEqual([400, field]);
    }
  });

  test.each([0, 0.01, 10_001, 'fast', null])('a rate of %j', async (rate) => {
    const { status, body } = await replay({ rate_per_second: rate });
    expect([status, body.details[0]]).toEqual([
      400,
      { field: 'rate_per_second', problem: 'must be a number from 0.1 to 10000' },
    ]);
  });

  test('of a discard that has a rate', async () => {
    expect((await discard({ rate_per_second: 5 })).body.details[0]?.field).toBe('rate_per_second');
  });
});
