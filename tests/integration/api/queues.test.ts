import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { startTestApi, type TestApi } from './test-api.js';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
beforeEach(() => api.sql('TRUNCATE jobs, job_executions, job_dependencies, claim_batches, workers, queues'));
afterAll(() => api.close());

const queue = async (name: string) => (await api.get(`/api/queues/${name}`)).body.queue;
const NONE = { ready: 0, paused: 0, scheduled: 0, blocked: 0, running: 0 };

/** As a worker's claim leaves it. */
const insertRunning = (name: string) =>
  api.sql(
    `WITH job AS (INSERT INTO jobs (job_type, queue, status, attempt, worker_id, created_at)
                  VALUES ('x', $1, 'running', 1, 'w-1', now() - interval '1 minute') RETURNING id)
     INSERT INTO claim_batches (worker_id, batch_no, job_ids) SELECT 'w-1', COALESCE((SELECT max(batch_no) + 1 FROM claim_batches), 0), array_agg(id) FROM job`,
    [name],
  );

describe('GET /api/queues', () => {
  test('tells of each queue how many jobs are in which state, how old they are, and who serves it', async () => {
    await api.sql(`
      INSERT INTO workers (id, hostname, pid, version, queues, job_types, concurrency, dead_after_ms, last_seen_at, stopped_at)
      VALUES ('w-1', 'h', 1, '1', '{mail,idle}', '{x}', 1, 60000, now(), NULL),
             ('w-2', 'h', 2, '1', '{mail}', '{x}', 1, 60000, now() - interval '1 hour', NULL),
             ('w-3', 'h', 3, '1', '{gone}', '{x}', 1, 60000, now(), now())`);
    await api.sql(`INSERT INTO queues (name, paused_at) VALUES ('reserve', NULL)`);
    await api.sql(`
      INSERT INTO jobs (job_type, queue, scheduled_at, unmet_dependencies, set_aside_at, created_at) VALUES
        ('x', 'mail', NULL, 0, NULL, now() - interval '90 seconds'),
        ('x', 'mail', now() - interval '30 seconds', 0, NULL, now() - interval '2 hours'),
        ('x', 'mail', now() + interval '1 hour', 0, NULL, now()),
        ('x', 'mail', NULL, 2, NULL, now()),
        ('x', 'mail', now() + interval '1 hour', 1, NULL, now()),
        ('unknown', 'mail', NULL, 0, now(), now()),
        ('x', 'blocked-only', NULL, 1, NULL, now()),
        ('unknown', 'aside-only', NULL, 0, now(), now())`);
    await insertRunning('mail');
    const { status, body } = await api.get('/api/queues');
    expect(status).toBe(200);
    expect(body.pagination).toEqual({ limit: 50, has_more: false, next_cursor: null });
    expect(body.queues.map(({ name, depths, workers }) => [name, depths, workers])).toEqual([
      ['aside-only', { ...NONE, ready: 1 }, 0],
      ['blocked-only', { ...NONE, blocked: 1 }, 0],
      ['idle', NONE, 1],
      ['mail', { ready: 3, paused: 0, scheduled: 2, blocked: 1, running: 1 }, 1],
      ['reserve', NONE, 0],
    ]);
    expect(body.queues.every((one) => one.is_exact && one.paused_at === null)).toBe(true);
    const mail = body.queues.find(({ name }) => name === 'mail');
    expect(mail?.oldest_ready_seconds).toBeGreaterThanOrEqual(90);
    expect(mail?.oldest_ready_seconds).toBeLessThan(150);
    expect(await queue('mail')).toMatchObject({ depths: mail?.depths, workers: 1 });
    expect((await queue('idle')).oldest_ready_seconds).toBeNull();
  });

  test('of a paused queue tells what its jobs say of themselves: none is ready, they are paused', async () => {
    await api.sql(`INSERT INTO queues (name, paused_at) VALUES ('mail', now())`);
    await api.sql(`
      INSERT INTO jobs (job_type, queue, scheduled_at, unmet_dependencies, set_aside_at, created_at) VALUES
        ('x', 'mail', NULL, 0, NULL, now() - interval '90 seconds'),
        ('unknown', 'mail', NULL, 0, now(), now()),
        ('x', 'mail', now() + interval '1 hour', 0, NULL, now()),
        ('x', 'mail', NULL, 1, NULL, now()),
        ('x', 'other', NULL, 0, NULL, now())`);
    await insertRunning('mail');
    const states = (await api.get('/api/jobs?queue=mail')).body.jobs.map(({ state }) => state);
    expect(states).toEqual(['running', 'blocked', 'scheduled', 'paused', 'paused']);
    const mail = await queue('mail');
    expect(mail.depths).toEqual({ ready: 0, paused: 2, scheduled: 1, blocked: 1, running: 1 });
    expect(mail.oldest_ready_seconds).toBeNull();
    const { queues } = (await api.get('/api/queues')).body;
    expect(queues.map(({ depths }) => depths)).toEqual([mail.depths, { ...NONE, ready: 1 }]);

    await api.post('/api/queues/mail/resume');
    expect((await queue('mail')).depths).toMatchObject({ ready: 2, paused: 0 });
    expect((await queue('mail')).oldest_ready_seconds).toBeGreaterThanOrEqual(90);
  });

  test('comes in pages, by name', async () => {
    await api.sql(`INSERT INTO jobs (job_type, queue) SELECT 'x', 'q' || n FROM generate_series(1, 5) AS n`);
    const names = async (query: string) => {
      const { body } = await api.get(`/api/queues?${query}`);
      return [body.queues.map(({ name }) => name), body.pagination.next_cursor];
    };
    expect(await names('limit=2')).toEqual([['q1', 'q2'], 'q2']);
    expect(await names('limit=2&cursor=q2')).toEqual([['q3', 'q4'], 'q4']);
    expect(await names('limit=2&cursor=q4')).toEqual([['q5'], null]);
  });

  test('counts what completed in the last minute and hour', async () => {
    const fresh = await startTestApi({ redis: false });
    await fresh.sql(`
      WITH done AS (INSERT INTO jobs (job_type, queue, status) SELECT 'x', CASE WHEN n < 5 THEN 'mail' ELSE 'slow' END, 'completed'
                      FROM generate_series(1, 7) AS n RETURNING id, queue)
      INSERT INTO job_executions (job_id, attempt, status, started_at, finished_at, duration_ms)
      SELECT id, 1, 'completed', now(), now() - CASE queue WHEN 'mail' THEN interval '5 seconds' ELSE interval '10 minutes' END, 1
        FROM done`);
    const { body } = await fresh.get('/api/queues');
    expect(body.queues.map(({ name, throughput }) => [name, throughput])).toEqual([
      ['mail', { last_minute: 4, last_hour: 4, is_exact: true }],
      ['slow', { last_minute: 0, last_hour: 3, is_exact: true }],
    ]);
    await fresh.close();
  });

  test('estimates a backlog beyond what it counts, and says so; the other queues stay exact', async () => {
    await api.sql(`INSERT INTO jobs (job_type, queue, created_at)
      SELECT 'x', CASE WHEN n <= 90000 THEN 'huge' ELSE 'large' END, now() - interval '1 hour' FROM generate_series(1, 120000) AS n`);
    await api.sql(
      `INSERT INTO jobs (job_type, queue, scheduled_at) SELECT 'x', 'later', now() + interval '1 hour' FROM generate_series(1, 30000)`,
    );
    await api.sql(
      `INSERT INTO jobs (job_type, queue) SELECT 'x', CASE WHEN n <= 7 THEN 'later' ELSE 'small' END FROM generate_series(1, 10) AS n`,
    );
    await insertRunning('huge');
    await api.sql('ANALYZE jobs');
    const { queues } = (await api.get('/api/queues')).body;
    const of = (name: string) => queues.find((one) => one.name === name)!;
    expect(queues.map(({ name, is_exact }) => [name, is_exact])).toEqual([
      ['huge', false],
      ['large', false],
      ['later', false],
      ['small', true],
    ]);
    expect(of('small').depths).toEqual({ ...NONE, ready: 3 });
    expect(of('huge').depths.running).toBe(1);
    expect(of('huge').depths.ready).toBeGreaterThan(70_000);
    expect(of('huge').depths.ready).toBeLessThan(110_000);
    expect(of('large').depths.ready).toBeGreaterThan(20_000);
    expect(of('large').depths.ready).toBeLessThan(40_000);
    // What is due is counted, however much there is for later.
    expect(of('later').depths.ready).toBe(7);
    expect(of('later').depths.scheduled).toBeGreaterThan(20_000);
    expect(of('huge').oldest_ready_seconds).toBeGreaterThanOrEqual(3_600);
  }, 60_000);

  test('estimates blocked jobs beyond what it counts, too', async () => {
    await api.sql(`INSERT INTO jobs (job_type, queue, unmet_dependencies)
      SELECT 'x', CASE n % 4 WHEN 0 THEN 'few' ELSE 'many' END, 1 FROM generate_series(1, 80000) AS n`);
    await api.sql('ANALYZE jobs');
    const { queues } = (await api.get('/api/queues')).body;
    expect(queues.map(({ name, is_exact }) => [name, is_exact])).toEqual([
      ['few', false],
      ['many', false],
    ]);
    const [few, many] = queues.map(({ depths }) => depths.blocked);
    expect(few).toBeGreaterThan(15_000);
    expect(few).toBeLessThan(25_000);
    expect(many).toBeGreaterThan(50_000);
    expect(many).toBeLessThan(70_000);
  }, 60_000);

  test('refuses bad input, naming the field, and knows of no queue that nobody has seen', async () => {
    for (const query of ['limit=0', 'limit=1001', 'cursor=No!', 'page=2']) {
      const { status, body } = await api.get(`/api/queues?${query}`);
      expect([status, body.details.map(({ field }) => field)]).toEqual([400, [query.split('=')[0]]]);
    }
    expect(await api.get('/api/queues/Mail')).toMatchObject({
      status: 400,
      body: { details: [{ field: 'name' }] },
    });
    expect(await api.get('/api/queues/nowhere')).toMatchObject({ status: 404, body: { code: 'not_found' } });
    await api.sql(`INSERT INTO jobs (job_type, queue, status) VALUES ('x', 'finished', 'completed')`);
    expect((await queue('finished')).depths).toEqual(NONE);
  });
});

describe('POST /api/queues/:name/pause and /resume', () => {
  test('pause a queue with a reason, and let it go on', async () => {
    await api.post('/api/jobs', { job_type: 'x', payload: {}, queue: 'mail' });
    const paused = await api.post('/api/queues/mail/pause', { reason: 'provider is down' });
    expect(paused).toMatchObject({
      status: 200,
      body: {
        success: true,
        message: 'queue mail is paused',
        queue: { name: 'mail', pause_reason: 'provider is down', paused_by: null, depths: { paused: 1 } },
      },
    });
    expect(paused.body.queue.paused_at).toMatch(/Z$/);
    const again = await api.post('/api/queues/mail/pause', { reason: 'another' });
    const { paused_at, pause_reason } = paused.body.queue;
    expect(again.body).toMatchObject({
      message: 'queue mail was paused already',
      queue: { paused_at, pause_reason },
    });
    const resumed = await api.post('/api/queues/mail/resume');
    expect(resumed.body).toMatchObject({
      message: 'queue mail goes on',
      queue: { paused_at: null, pause_reason: null, depths: { ready: 1 } },
    });
    expect((await api.post('/api/queues/mail/resume')).body.message).toBe('queue mail was not paused');
  });

  test('need no body, and pause a queue that is not in use yet', async () => {
    const { status, body } = await api.ask('POST', '/api/queues/soon/pause');
    expect([status, body.queue.name, body.queue.pause_reason]).toEqual([200, 'soon', null]);
    expect((await queue('soon')).paused_at).toEqual(body.queue.paused_at);
    expect((await api.ask('POST', '/api/queues/soon/resume')).status).toBe(200);
  });

  test('refuse bad input, and resuming what nobody knows', async () => {
    const refused = [
      await api.post('/api/queues/No/pause'),
      await api.post('/api/queues/mail/pause', { why: 'x' }),
      await api.post('/api/queues/mail/pause', { reason: '' }),
      await api.post('/api/queues/mail/pause', { reason: 5 }),
    ];
    const fields = refused.map(({ status, body }) => [status, body.details[0]?.field]);
    expect(fields).toEqual([
      [400, 'name'],
      [400, 'why'],
      [400, 'reason'],
      [400, 'reason'],
    ]);
    expect(await api.sql('SELECT * FROM queues')).toEqual([]);
    expect((await api.post('/api/queues/nowhere/resume')).status).toBe(404);
  });
});
