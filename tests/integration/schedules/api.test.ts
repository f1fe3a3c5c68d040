import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { startTestApi, type TestApi } from '../api/test-api.js';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ redis: false });
});
afterAll(() => api.close());
beforeEach(() => api.sql('TRUNCATE jobs, job_dependencies, job_schedules, job_schedule_fires'));

const JSON_TYPE = { 'content-type': 'application/json' };
const put = (name: string, body: unknown) =>
  api.ask('PUT', `/api/schedules/${name}`, JSON.stringify(body), JSON_TYPE);
const patch = (name: string, body: unknown) =>
  api.ask('PATCH', `/api/schedules/${name}`, JSON.stringify(body), JSON_TYPE);
const nightly = {
  name: 'nightly',
  job_type: 'report',
  payload: { kind: 'daily' },
  cron_expression: '30 2 * * *',
  timezone: 'Asia/Kolkata',
};
const hourly = { name: 'hourly', job_type: 'report', interval_ms: 3_600_000 };
const create = (body: unknown = nightly) => api.post('/api/schedules', body);

describe('POST /api/schedules', () => {
  test('creates a schedule that knows its next fire', async () => {
    const { status, body } = await create();
    expect(status).toBe(201);
    expect(body.schedule).toMatchObject({
      ...nightly,
      enabled: true,
      queue: 'default',
      misfire_policy: 'fire_once',
      last_error: null,
    });
    const [row] = await api.sql<{ local: string; ahead: boolean }>(
      `SELECT to_char(next_run_at AT TIME ZONE timezone, 'HH24:MI') AS local, next_run_at > now() AS ahead FROM job_schedules`,
    );
    expect(row).toEqual({ local: '02:30', ahead: true });
  });

  test('takes all there is to say', async () => {
    const all = {
      name: 'a.b:c-d_1',
      job_type: 'report',
      payload: { deep: [1, { two: null }] },
      queue: 'mail',
      priority: 0,
      interval_ms: 1_000,
      timezone: 'Europe/Berlin',
      enabled: false,
      misfire_policy: 'catch_up',
      max_catch_up: 1_000,
      overlap_policy: 'skip',
      starts_at: '2030-01-01T00:00:00.000Z',
      ends_at: '2031-01-01T00:00:00.000Z',
      max_retries: 0,
      timeout_ms: 1,
      created_by: 'ada',
    };
    expect((await create(all)).body.schedule).toMatchObject({
      ...all,
      next_run_at: null,
      cron_expression: null,
    });
  });

  test('has no fire beyond the year 9999', async () => {
    const { status, body } = await create({ ...nightly, starts_at: '9999-12-31T23:59:59.999Z' });
    expect([status, body.schedule.next_run_at]).toEqual([201, null]);
  });

  test('refuses a name that is taken', async () => {
    await create();
    expect(await create()).toMatchObject({ status: 409, body: { code: 'schedule_exists' } });
  });

  test.each([
    [{ ...nightly, cron_expression: '61 * * * *' }, 'cron_expression'],
    [{ ...nightly, cron_expression: '' }, 'cron_expression'],
    [{ ...nightly, cron_expression: '* * *' }, 'cron_expression'],
    [{ ...nightly, cron_expression: '@reboot' }, 'cron_expression'],
    [{ ...nightly, cron_expression: '0 0 30 2 *' }, 'cron_expression'],
    [{ ...nightly, cron_expression: '2030-01-01T00:00:00Z' }, 'cron_expression'],
    [{ ...nightly, cron_expression: 5 }, 'cron_expression'],
    [{ ...nightly, timezone: 'Mars/Olympus' }, 'timezone'],
    [{ ...nightly, timezone: '+02:00' }, 'timezone'],
    [{ ...nightly, interval_ms: 5_000 }, 'interval_ms'],
    [{ name: 'neither', job_type: 'report' }, 'cron_expression'],
    [{ ...hourly, interval_ms: 999 }, 'interval_ms'],
    [{ ...hourly, interval_ms: 1_000.5 }, 'interval_ms'],
    [{ ...hourly, interval_ms: 1e300 }, 'interval_ms'],
    [{ ...hourly, interval_ms: '1000' }, 'interval_ms'],
    [{ ...nightly, name: 'two words' }, 'name'],
    [{ ...nightly, name: '' }, 'name'],
    [{ ...nightly, name: undefined }, 'name'],
    [{ ...nightly, job_type: undefined }, 'job_type'],
    [{ ...nightly, job_type: 'x'.repeat(101) }, 'job_type'],
    [{ ...nightly, payload: [] }, 'payload'],
    [{ ...nightly, payload: { a: '\u0000' } }, 'payload.a'],
    [{ ...nightly, queue: 'No Queue' }, 'queue'],
    [{ ...nightly, priority: 101 }, 'priority'],
    [{ ...nightly, misfire_policy: 'maybe' }, 'misfire_policy'],
    [{ ...nightly, overlap_policy: 'queue' }, 'overlap_policy'],
    [{ ...nightly, max_catch_up: 1_001 }, 'max_catch_up'],
    [{ ...nightly, enabled: 'yes' }, 'enabled'],
    [{ ...nightly, starts_at: 'tomorrow' }, 'starts_at'],
    [{ ...nightly, starts_at: '0000-01-01T00:00:00Z' }, 'starts_at'],
    [{ ...nightly, starts_at: '2030-01-02T00:00:00Z', ends_at: '2030-01-01T00:00:00Z' }, 'ends_at'],
    [{ ...nightly, next_run_at: '2030-01-02T00:00:00Z' }, 'next_run_at'],
  ])('refuses %j, naming %s', async (wrong, field) => {
    const { status, body } = await create(wrong);
    expect([status, body.code, body.details.map((one) => one.field)]).toEqual([
      400,
      'validation_failed',
      [field],
    ]);
    expect(body.error).toContain(field);
  });
});

describe('GET /api/schedules/:name', () => {
  test('shows the next and the last fires', async () => {
    await create(hourly);
    await api.post('/api/schedules/hourly/run');
    const { schedule } = (await api.get('/api/schedules/hourly')).body;
    const times = schedule.next_fires.map((one) => Date.parse(String(one)));
    expect(times).toHaveLength(5);
    expect(times.slice(1).map((at, index) => at - times[index]!)).toEqual(Array(4).fill(3_600_000));
    expect(String(schedule.next_run_at)).toBe(String(schedule.next_fires[0]));
    expect(schedule.recent_fires).toMatchObject([
      { outcome: 'fired', is_manual: true, job_id: schedule.last_job_id },
    ]);
  });

  test('shows no next fire of one that rests or is over', async () => {
    await create({ ...hourly, enabled: false });
    expect((await api.get('/api/schedules/hourly')).body.schedule.next_fires).toEqual([]);
    await create({ ...nightly, ends_at: '2001-01-01T00:00:00Z' });
    expect((await api.get('/api/schedules/nightly')).body.schedule).toMatchObject({
      next_fires: [],
      next_run_at: null,
    });
  });

  test('shows one that SQL named as it pleased, and got wrong', async () => {
    await api.sql(
      `INSERT INTO job_schedules (name, job_type, cron_expression) VALUES ('a/b c?', 'x', 'nonsense')`,
    );
    const { status, body } = await api.get(`/api/schedules/${encodeURIComponent('a/b c?')}`);
    expect([status, body.schedule.name, body.schedule.next_fires]).toEqual([200, 'a/b c?', []]);
  });

  test.each([
    ['GET', ''],
    ['PATCH', ''],
    ['DELETE', ''],
    ['POST', '/enable'],
    ['POST', '/disable'],
    ['POST', '/run'],
  ] as const)('%s%s answers 404 when there is none', async (method, rest) => {
    const body = method === 'PATCH' ? '{}' : undefined;
    const answer = await api.ask(method, `/api/schedules/nobody${rest}`, body, body ? JSON_TYPE : {});
    expect(answer).toMatchObject({ status: 404, body: { code: 'not_found' } });
  });
});

describe('GET /api/schedules', () => {
  test('lists by name, in pages and by filter', async () => {
    for (const letter of ['c', 'a', 'b']) await create({ ...hourly, name: letter, queue: `q-${letter}` });
    await api.post('/api/schedules/b/disable');
    const names = async (query: string) =>
      (await api.get(`/api/schedules?${query}`)).body.schedules.map(({ name }) => name);
    expect(await names('')).toEqual(['a', 'b', 'c']);
    expect(await names('enabled=true')).toEqual(['a', 'c']);
    expect(await names('enabled=false')).toEqual(['b']);
    expect(await names('queue=q-c&job_type=report')).toEqual(['c']);
    expect(await names('job_type=other')).toEqual([]);
    const { pagination } = (await api.get('/api/schedules?limit=2')).body;
    expect(pagination).toEqual({ limit: 2, has_more: true, next_cursor: 'b' });
    expect(await names('limit=2&cursor=b')).toEqual(['c']);
  });

  test('leaves large payloads out', async () => {
    const noise = Array.from({ length: 4_000 }, () => Math.random());
    await create({ ...hourly, payload: { noise } });
    const [listed] = (await api.get('/api/schedules')).body.schedules;
    expect(listed).toMatchObject({ payload: null, is_payload_omitted: true });
    expect((await api.get('/api/schedules/hourly')).body.schedule.payload).toEqual({ noise });
  });

  test.each(['enabled=yes', 'limit=0', 'limit=1001', 'sort=name', 'queue=No'])(
    'refuses ?%s',
    async (query) => {
      const { status, body } = await api.get(`/api/schedules?${query}`);
      expect([status, body.details[0]!.field]).toEqual([400, query.split('=')[0]]);
    },
  );
});

describe('PUT and PATCH /api/schedules/:name', () => {
  test('PUT creates, and then replaces all but whether it is enabled', async () => {
    const body = { ...nightly, name: undefined };
    expect(await put('nightly', body)).toMatchObject({ status: 201, body: { schedule: nightly } });
    await api.post('/api/schedules/nightly/disable');
    const replaced = await put('nightly', { job_type: 'other', interval_ms: 60_000 });
    expect(replaced).toMatchObject({
      status: 200,
      body: {
        schedule: { job_type: 'other', payload: {}, timezone: 'UTC', cron_expression: null, enabled: false },
      },
    });
    expect((await put('nightly', { ...body, enabled: true })).body.schedule.enabled).toBe(true);
    expect((await put('two words', body)).status).toBe(400);
  });

  test('PATCH changes what it names', async () => {
    const before = (await create()).body.schedule;
    const { schedule } = (await patch('nightly', { priority: 7, payload: { kind: 'weekly' } })).body;
    expect(schedule).toEqual({
      ...before,
      priority: 7,
      payload: { kind: 'weekly' },
      updated_at: expect.any(String),
    });
    const moved = (await patch('nightly', { cron_expression: '45 2 * * *' })).body.schedule;
    // 2:30 and 2:45 in India. Which of the two comes first depends on the time of the day.
    const times = [before, moved].map(({ next_run_at }) => String(next_run_at).slice(10));
    expect(times).toEqual(['T21:00:00.000Z', 'T21:15:00.000Z']);
  });

  test('PATCH puts an interval in the place of a cron expression, and back', async () => {
    await create();
    expect((await patch('nightly', { interval_ms: 60_000 })).body.schedule).toMatchObject({
      interval_ms: 60_000,
      cron_expression: null,
    });
    expect((await patch('nightly', { cron_expression: '@daily' })).body.schedule).toMatchObject({
      interval_ms: null,
    });
    expect((await patch('nightly', { cron_expression: null })).body.details).toMatchObject([
      { field: 'cron_expression' },
    ]);
  });

  test('PATCH of the bounds is checked with what is there', async () => {
    await create({ ...nightly, starts_at: '2030-01-01T00:00:00Z' });
    expect((await patch('nightly', { ends_at: '2029-01-01T00:00:00Z' })).body.details).toMatchObject([
      { field: 'ends_at' },
    ]);
    const { schedule } = (await patch('nightly', { starts_at: null, ends_at: '2029-01-01T00:00:00Z' })).body;
    expect(schedule).toMatchObject({ starts_at: null, ends_at: '2029-01-01T00:00:00.000Z' });
  });

  test('answer busy while somebody holds the row', async () => {
    await create();
    await api.installation.db.transaction(async (tx) => {
      await tx.query(`SELECT 1 FROM job_schedules FOR UPDATE`);
      expect(await patch('nightly', { priority: 1 })).toMatchObject({ status: 409, body: { code: 'busy' } });
    });
  });
});

describe('one schedule', () => {
  test('is disabled and enabled, and fires next after now', async () => {
    await create(hourly);
    expect((await api.post('/api/schedules/hourly/disable')).body.schedule).toMatchObject({
      enabled: false,
      next_run_at: null,
    });
    const { schedule } = (await api.post('/api/schedules/hourly/enable')).body;
    expect(schedule.enabled).toBe(true);
    expect(Date.parse(String(schedule.next_run_at))).toBeGreaterThan(Date.now());
  });

  test('that SQL got wrong is put to rest, and enabled when it is corrected', async () => {
    await api.sql(
      `INSERT INTO job_schedules (name, job_type, cron_expression) VALUES ('wrong', 'x', 'nonsense')`,
    );
    expect((await api.post('/api/schedules/wrong/disable')).status).toBe(200);
    const { status, body } = await api.post('/api/schedules/wrong/enable');
    expect([status, body.details[0]!.field]).toEqual([400, 'cron_expression']);
    expect((await patch('wrong', { cron_expression: '@daily', enabled: true })).body.schedule.enabled).toBe(
      true,
    );
  });

  test('is run now, also while it is disabled', async () => {
    await create({ ...nightly, enabled: false, max_retries: 5 });
    const { status, body } = await api.post('/api/schedules/nightly/run');
    expect(status).toBe(201);
    expect((await api.get(`/api/jobs/${body.job_id}`)).body.job).toMatchObject({
      job_type: 'report',
      payload: { kind: 'daily' },
      max_retries: 5,
      created_by: 'schedule:nightly',
      metadata: { schedule: 'nightly', manual: true },
    });
    expect(await api.metrics.text()).toContain('schedule_fires_total{schedule="nightly",outcome="fired"} 1');
  });

  test('is deleted with its record; its jobs stay', async () => {
    await create();
    await api.post('/api/schedules/nightly/run');
    expect(await api.delete('/api/schedules/nightly')).toMatchObject({
      status: 200,
      body: { name: 'nightly' },
    });
    expect((await api.get('/api/schedules/nightly')).status).toBe(404);
    expect(await api.sql('SELECT 1 FROM job_schedule_fires')).toEqual([]);
    expect(await api.sql('SELECT 1 FROM jobs')).toHaveLength(1);
  });
});

describe('POST /api/schedules/preview', () => {
  const preview = (body: unknown) => api.post('/api/schedules/preview', body);

  test('shows fires across a change of clocks', async () => {
    const rule = {
      cron_expression: '30 2 * * *',
      timezone: 'Europe/Berlin',
      starts_at: '2099-03-27T12:00:00Z',
      count: 3,
    };
    expect((await preview(rule)).body).toEqual({
      success: true,
      timezone: 'Europe/Berlin',
      fires: ['2099-03-28T01:30:00.000Z', '2099-03-29T01:00:00.000Z', '2099-03-30T00:30:00.000Z'],
    });
  });

  test('shows no more than there are', async () => {
    const rule = { interval_ms: 60_000, starts_at: '2099-01-01T00:00:00Z', ends_at: '2099-01-01T00:01:30Z' };
    expect((await preview(rule)).body.fires).toEqual([
      '2099-01-01T00:00:00.000Z',
      '2099-01-01T00:01:00.000Z',
    ]);
    expect((await preview({ cron_expression: '@hourly' })).body.fires).toHaveLength(5);
  });

  test.each([
    [{}, 'cron_expression'],
    [{ cron_expression: 'x' }, 'cron_expression'],
    [{ cron_expression: '@daily', timezone: 'x' }, 'timezone'],
    [{ cron_expression: '@daily', interval_ms: 1_000 }, 'interval_ms'],
    [{ cron_expression: '@daily', count: 101 }, 'count'],
    [{ cron_expression: '@daily', name: 'x' }, 'name'],
  ])('refuses %j, naming %s', async (wrong, field) => {
    const { status, body } = await preview(wrong);
    expect([status, body.details.map((one) => one.field)]).toEqual([400, [field]]);
  });
});
