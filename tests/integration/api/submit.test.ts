import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startTestApi, type Answer, type TestApi } from './test-api.js';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ bodyLimit: 100_000 });
});
afterAll(() => api.close());

const JOB = { job_type: 'greet', payload: { name: 'Ada' } };
const count = async () => (await api.sql<{ n: number }>('SELECT count(*) AS n FROM jobs'))[0]?.n;
const rowOf = async (id: number) => (await api.sql('SELECT * FROM jobs WHERE id = $1', [id]))[0];

/** Refused, with just these fields named, and nothing stored. */
async function expectRefused(refused: Promise<Answer>, fields: string[]): Promise<Answer> {
  const before = await count();
  const answer = await refused;
  expect(answer.body).toMatchObject({ success: false, code: 'validation_failed', error: expect.any(String) });
  expect(answer.status).toBe(400);
  const details = answer.body.details as { field: string; problem: string }[];
  expect(details.map(({ field }) => field)).toEqual(fields);
  expect(details.every(({ problem }) => problem.length > 3)).toBe(true);
  expect(await count()).toBe(before);
  return answer;
}

describe('POST /api/jobs', () => {
  test('answers 201 with the id, the status and the time, and the row is there', async () => {
    const { status, body } = await api.post('/api/jobs', JOB);
    expect(status).toBe(201);
    expect(body).toEqual({
      success: true,
      job_id: expect.any(Number),
      status: 'pending',
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      is_existing: false,
      was_replaced: false,
    });
    const row = await rowOf(body.job_id);
    expect(row).toMatchObject({
      ...JOB,
      queue: 'default',
      priority: 50,
      max_retries: 3,
      timeout_ms: 300_000,
    });
  });

  test('stores every field', async () => {
    const parent = (await api.post('/api/jobs', JOB)).body.job_id;
    const given = {
      ...JOB,
      queue: 'mail.eu-1',
      priority: 0,
      max_retries: 0,
      timeout_ms: 1,
      metadata: { trace: 'abc' },
      tags: ['a', 'b'],
      unique_key: 'only-one',
      created_by: 'tester',
    };
    const other = {
      scheduled_at: '2035-01-31T09:00:00+02:00',
      depends_on: [parent],
    };
    const { status, body } = await api.post('/api/jobs', { ...given, ...other });
    expect(status).toBe(201);
    const row = await rowOf(body.job_id);
    expect(row).toMatchObject(given);
    expect(row?.scheduled_at).toEqual(new Date('2035-01-31T07:00:00Z'));
    expect(row?.unmet_dependencies).toBe(1);
  });

  test('delay_ms counts from now by the clock of the database', async () => {
    const { body } = await api.post('/api/jobs', { ...JOB, delay_ms: 60_000 });
    const [row] = await api.sql<{ inMs: number }>(
      `SELECT date_part('epoch', scheduled_at - created_at) * 1000 AS "inMs" FROM jobs WHERE id = $1`,
      [body.job_id],
    );
    expect(row?.inMs).toBeCloseTo(60_000);
  });

  test('depends_on takes ids and objects; a child of a failed parent is what its policy says', async () => {
    const [failed] = await api.sql<{ id: number }>(
      `INSERT INTO jobs (job_type, status) VALUES ('gone', 'failed') RETURNING id`,
    );
    const id = failed?.id as number;
    const after = (depends_on: unknown[]) => api.post('/api/jobs', { ...JOB, depends_on });
    expect((await after([id])).body.status).toBe('pending');
    expect((await after([{ job_id: id, on_failure: 'cancel' }])).body.status).toBe('cancelled');
    const { body } = await after([{ job_id: id, on_failure: 'run' }]);
    expect(await rowOf(body.job_id)).toMatchObject({ unmet_dependencies: 0 });
  });

  test('with a unique key that an unfinished job has: 200 and that job', async () => {
    const first = await api.post('/api/jobs', { ...JOB, unique_key: 'twin' });
    const second = await api.post('/api/jobs', { ...JOB, unique_key: 'twin' });
    expect([first.status, second.status]).toEqual([201, 200]);
    expect(second.body).toEqual({ ...first.body, is_existing: true });
  });
});

describe('unique_policy', () => {
  const submit = (change: object) => api.post('/api/jobs', { ...JOB, unique_key: 'sync', ...change });

  test('replace_payload replaces what waits, and says so; a job that runs is returned as it is', async () => {
    const { job_id } = (await submit({ payload: { v: 0 } })).body;
    const replace = (v: number) => submit({ payload: { v }, unique_policy: 'replace_payload' });
    const replaced = await replace(1);
    expect(replaced).toMatchObject({ status: 200, body: { job_id, is_existing: true, was_replaced: true } });
    expect((await rowOf(job_id))?.payload).toEqual({ v: 1 });
    await api.sql(`UPDATE jobs SET status = 'running', attempt = 1, started_at = now() WHERE id = $1`, [
      job_id,
    ]);
    const late = await replace(2);
    expect(late.body).toMatchObject({ job_id, status: 'running', is_existing: true, was_replaced: false });
    expect((await rowOf(job_id))?.payload).toEqual({ v: 1 });
  });

  test('return_existing, the default, leaves it as it is', async () => {
    const { job_id } = (await submit({ unique_key: 'kept', payload: { v: 0 } })).body;
    const again = { unique_key: 'kept', payload: { v: 1 }, unique_policy: 'return_existing' };
    expect((await submit(again)).body).toMatchObject({ job_id, is_existing: true, was_replaced: false });
    expect((await rowOf(job_id))?.payload).toEqual({ v: 0 });
  });

  test('holds for the jobs of a batch too', async () => {
    const one = { ...JOB, unique_key: 'in-batch', unique_policy: 'replace_payload' };
    const jobs = [1, 2].map((v) => ({ ...one, payload: { v } }));
    const { job_ids } = (await api.post('/api/jobs/batch', { jobs })).body;
    expect(job_ids[0]).toBe(job_ids[1]);
    expect((await rowOf(job_ids[0]!))?.payload).toEqual({ v: 2 });
  });
});

describe('bad input is refused, naming each field:', () => {
  const post = (change: object) => api.post('/api/jobs', { ...JOB, ...change });
  const LONG = 'x'.repeat(101);

  test.each<[string, object, string[]]>([
    ['an unknown field', { prioritty: 5 }, ['prioritty']],
    ['a type that is missing', { job_type: undefined }, ['job_type']],
    ['a type that is empty', { job_type: '' }, ['job_type']],
    ['a type that is too long', { job_type: LONG }, ['job_type']],
    ['a type that is no text', { job_type: 5 }, ['job_type']],
    ['a type with U+0000', { job_type: 'a\0b' }, ['job_type']],
    ['a payload that is missing', { payload: undefined }, ['payload']],
    ['a payload that is null', { payload: null }, ['payload']],
    ['a payload that is an array', { payload: [1] }, ['payload']],
    ['a payload that is a text', { payload: 'x' }, ['payload']],
    ['U+0000 deep in a payload', { payload: { a: [{ b: 'x\0' }] } }, ['payload.a.0.b']],
    ['half of a surrogate pair', { payload: { a: '\ud800' } }, ['payload.a']],
    ['a priority of 101', { priority: 101 }, ['priority']],
    ['a priority of -1', { priority: -1 }, ['priority']],
    ['a priority of 1.5', { priority: 1.5 }, ['priority']],
    ['a priority that is a text', { priority: '5' }, ['priority']],
    ['max_retries of -1', { max_retries: -1 }, ['max_retries']],
    ['a timeout of 0', { timeout_ms: 0 }, ['timeout_ms']],
    ['a timeout beyond an int', { timeout_ms: 2 ** 31 }, ['timeout_ms']],
    ['a date that is none', { scheduled_at: 'tomorrow' }, ['scheduled_at']],
    ['30 February', { scheduled_at: '2030-02-30T00:00:00Z' }, ['scheduled_at']],
    ['a time without a zone', { scheduled_at: '2030-01-01T00:00:00' }, ['scheduled_at']],
    ['a time that is a number', { scheduled_at: 1893456000 }, ['scheduled_at']],
    ['a delay of -1', { delay_ms: -1 }, ['delay_ms']],
    ['a delay and a time', { delay_ms: 1, scheduled_at: '2030-01-01T00:00:00Z' }, ['delay_ms']],
    ['a queue name with a space', { queue: 'my queue' }, ['queue']],
    ['a queue name in capitals', { queue: 'Mail' }, ['queue']],
    ['a queue name of 64 characters', { queue: 'q'.repeat(64) }, ['queue']],
    ['metadata that is no object', { metadata: [] }, ['metadata']],
    ['21 tags', { tags: Array.from({ length: 21 }, String) }, ['tags']],
    ['a tag that is too long', { tags: ['ok', 'x'.repeat(65)] }, ['tags.1']],
    ['an empty unique key', { unique_key: '' }, ['unique_key']],
    ['an unknown policy for it', { unique_key: 'k', unique_policy: 'no' }, ['unique_policy']],
    ['a policy without one', { unique_policy: 'replace_payload' }, ['unique_policy']],
    ['an author that is too long', { created_by: 'x'.repeat(256) }, ['created_by']],
    ['a dependency that is no id', { depends_on: [1.5] }, ['depends_on.0']],
    ['a dependency beyond 2^53', { depends_on: [1, 2 ** 53] }, ['depends_on.1']],
    ['an object without an id', { depends_on: [{ job_id: 'x' }] }, ['depends_on.0.job_id']],
    ['an unknown policy', { depends_on: [{ job_id: 1, on_failure: 'no' }] }, ['depends_on.0.on_failure']],
    ['an unknown field in it', { depends_on: [{ job_id: 1, why: 1 }] }, ['depends_on.0.why']],
    ['a parent that does not exist', { depends_on: [999_999_999] }, ['depends_on.0']],
    ['four of them at once', { job_type: '', priority: 101, a: 1, b: 2 }, ['job_type', 'priority', 'a', 'b']],
  ])('%s', async (_what, change, fields) => {
    await expectRefused(post(change), fields);
  });

  test('a value nested beyond all reason', async () => {
    const depth = 5_000;
    const deep = `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
    const body = `{"job_type":"x","payload":${deep}}`;
    const answer = await api.ask('POST', '/api/jobs', body, { 'content-type': 'application/json' });
    expect(answer.status).toBe(400);
    expect(answer.body.details[0]?.problem).toContain('nested');
  });

  test('a number that JSON can write but nobody can store', async () => {
    const body = '{"job_type":"x","payload":{"n":1e999}}';
    const answer = api.ask('POST', '/api/jobs', body, { 'content-type': 'application/json' });
    await expectRefused(answer, ['payload.n']);
  });

  test('a body that is no object', async () => {
    await expectRefused(api.post('/api/jobs', [JOB]), ['body']);
    await expectRefused(api.ask('POST', '/api/jobs'), ['body']);
  });

  test('an Idempotency-Key that is empty or too long', async () => {
    for (const key of ['', 'k'.repeat(256)]) {
      await expectRefused(api.post('/api/jobs', JOB, { 'idempotency-key': key }), ['idempotency-key']);
    }
  });

  test.each(['0', '-1', '1.5', 'abc', '9007199254740992', '99999999999999999999'])(
    'the id %s in an address',
    async (id) => {
      await expectRefused(api.get(`/api/jobs/${id}`), ['id']);
      await expectRefused(api.delete(`/api/jobs/${id}`), ['id']);
      await expectRefused(api.post(`/api/jobs/${id}/retry`), ['id']);
      await expectRefused(api.get(`/api/jobs/${id}/events`), ['id']);
    },
  );

  test.each([
    ['limit=0', ['limit']],
    ['limit=1001', ['limit']],
    ['limit=ten', ['limit']],
    ['limit=5&limit=6', ['limit']],
    ['offset=-1', ['offset']],
    ['status=done', ['status']],
    ['queue=No!', ['queue']],
    ['sort=payload', ['sort']],
    ['cursor=x', ['cursor']],
    ['cursor=5&offset=5', ['offset']],
    ['job_type=a%00b', ['job_type']],
    ['state=ready&page=2', ['state', 'page']],
  ])('GET /api/jobs?%s', async (query, fields) => {
    await expectRefused(api.get(`/api/jobs?${query}`), fields);
  });
});

describe('what is no proper request', () => {
  const ask = (body: string, type = 'application/json') =>
    api.ask('POST', '/api/jobs', body, { 'content-type': type });

  test('malformed JSON is 400 malformed_json', async () => {
    for (const body of ['{"job_type":', '{job_type: 1}', 'nonsense']) {
      expect(await ask(body)).toMatchObject({ status: 400, body: { code: 'malformed_json' } });
    }
  });

  test('another media type is 415', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/xml']) {
      expect(await ask('a=b', type)).toMatchObject({ status: 415, body: { code: 'unsupported_media_type' } });
    }
  });

  test('a body over the limit is 413, naming the limit and its variable; a batch may be larger', async () => {
    const large = { ...JOB, payload: { text: 'x'.repeat(100_000) } };
    expect(await api.post('/api/jobs', large)).toMatchObject({
      status: 413,
      body: {
        code: 'payload_too_large',
        error: expect.stringMatching(/larger than the 100000 bytes allowed here; API_BODY_LIMIT/),
      },
    });
    expect((await api.post('/api/jobs/batch', { jobs: [large] })).status).toBe(201);
    const larger = { ...JOB, payload: { text: 'x'.repeat(1_600_000) } };
    expect(await api.post('/api/jobs/batch', { jobs: [larger] })).toMatchObject({
      status: 413,
      body: { error: expect.stringContaining('larger than the 1600000 bytes') },
    });
  });

  test('an unknown address is 404 in the same shape', async () => {
    const answer = await api.get('/api/nothing');
    expect(answer.status).toBe(404);
    expect(answer.body).toMatchObject({
      success: false,
      code: 'not_found',
      request_id: answer.headers['x-request-id'],
    });
  });

  test('a method that an address does not take is 405, with those that it takes', async () => {
    for (const [address, allowed] of [
      ['/api/jobs', 'GET, HEAD, POST'],
      ['/api/jobs/batch', 'POST'],
      ['/api/jobs/7', 'DELETE, GET, HEAD'],
      ['/api/jobs/7/retry?x=1', 'POST'],
    ] as const) {
      const answer = await api.ask('PUT', address);
      expect(answer).toMatchObject({ status: 405, body: { success: false, code: 'method_not_allowed' } });
      expect(answer.headers.allow).toBe(allowed);
      expect(answer.body.error).toContain(allowed);
    }
  });

  test('who comes without an address is sent to the documentation', async () => {
    const answer = await api.get('/');
    expect([answer.status, answer.headers.location]).toEqual([302, '/api-docs']);
  });

  test('headers that are too large are 431 in the same shape', async () => {
    const answer = await api.get('/health/live', { 'x-large': 'x'.repeat(20_000) });
    expect(answer).toMatchObject({ status: 431, body: { success: false, code: 'validation_failed' } });
  });

  test('an address that cannot be decoded is 400', async () => {
    expect(await api.get('/api/jobs/%zz')).toMatchObject({
      status: 400,
      body: { code: 'validation_failed' },
    });
  });
});

describe('request ids', () => {
  test('a sane one is echoed, also in errors', async () => {
    const headers = { 'x-request-id': 'trace-1:2/3' };
    const answer = await api.get('/api/jobs/999999999', headers);
    expect(answer.headers['x-request-id']).toBe('trace-1:2/3');
    expect(answer.body.request_id).toBe('trace-1:2/3');
  });

  test('another one is replaced', async () => {
    for (const id of ['two words', '"quoted"', 'x'.repeat(129)]) {
      const answer = await api.get('/health/live', { 'x-request-id': id });
      expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    }
  });
});

describe('Idempotency-Key', () => {
  const post = (key: string, change: object = {}) =>
    api.post('/api/jobs', { ...JOB, ...change }, { 'idempotency-key': key });

  test('the same key and body is 200 with the first job, whatever the order of the fields', async () => {
    const first = await post('k1', { priority: 5 });
    const reordered = { priority: 5, payload: JOB.payload, job_type: JOB.job_type };
    const again = await api.post('/api/jobs', reordered, { 'idempotency-key': 'k1' });
    expect([first.status, again.status]).toEqual([201, 200]);
    expect(again.body).toEqual({ ...first.body, is_existing: true });
  });

  test('says how the first job stands by now', async () => {
    const first = await post('k2');
    await api.delete(`/api/jobs/${first.body.job_id}`);
    expect((await post('k2')).body).toMatchObject({ job_id: first.body.job_id, status: 'cancelled' });
  });

  test('the same key with another body is 409', async () => {
    await post('k3');
    expect(await post('k3', { priority: 6 })).toMatchObject({
      status: 409,
      body: { code: 'idempotency_key_reused' },
    });
  });

  test('a hundred at once make one row', async () => {
    const answers = await Promise.all(Array.from({ length: 100 }, () => post('k4')));
    expect(new Set(answers.map(({ body }) => body.job_id)).size).toBe(1);
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(99);
    expect(await api.sql(`SELECT count(*) FROM jobs WHERE idempotency_key = 'k4'`)).toEqual([{ count: 1 }]);
  });
});

describe('POST /api/jobs/batch', () => {
  test('stores all, in order', async () => {
    const jobs = Array.from({ length: 300 }, (_, n) => ({ ...JOB, payload: { n } }));
    const { status, body } = await api.post('/api/jobs/batch', { jobs });
    expect(status).toBe(201);
    expect(body.job_ids).toHaveLength(300);
    const rows = await api.sql<{ n: string }>(
      `SELECT payload ->> 'n' AS n FROM jobs WHERE id = ANY ($1::bigint[]) ORDER BY id`,
      [body.job_ids],
    );
    expect(rows.map(({ n }) => Number(n))).toEqual(jobs.map(({ payload }) => payload.n));
    expect([...body.job_ids].sort((a: number, b: number) => a - b)).toEqual(body.job_ids);
  });

  test('stores none when one is wrong, and says which', async () => {
    const jobs = [JOB, { ...JOB, priority: 200 }, JOB, { ...JOB, quue: 'x' }];
    await expectRefused(api.post('/api/jobs/batch', { jobs }), ['jobs.1.priority', 'jobs.3.quue']);
  });

  test('stores none when a parent does not exist, and says whose', async () => {
    const jobs = [JOB, { ...JOB, depends_on: [999_999_999] }];
    await expectRefused(api.post('/api/jobs/batch', { jobs }), ['jobs.1.depends_on.0']);
  });

  test('takes 1 to 10,000 jobs', async () => {
    const many = (length: number) => ({
      jobs: Array.from({ length }, () => ({ job_type: 'x', payload: {} })),
    });
    await expectRefused(api.post('/api/jobs/batch', many(0)), ['jobs']);
    await expectRefused(api.post('/api/jobs/batch', many(10_001)), ['jobs']);
    expect((await api.post('/api/jobs/batch', many(10_000))).body.job_ids).toHaveLength(10_000);
  });

  test('a job with a key of its own is stored once, and counted as one that was there', async () => {
    const jobs = [JOB, { ...JOB, idempotency_key: 'b1' }];
    const { body: first } = await api.post('/api/jobs/batch', { jobs });
    const { body: second } = await api.post('/api/jobs/batch', { jobs });
    expect([first.existing, second.existing]).toEqual([0, 1]);
    expect(second.job_ids[1]).toBe(first.job_ids[1]);
    expect(second.job_ids[0]).not.toBe(first.job_ids[0]);
  });
});
