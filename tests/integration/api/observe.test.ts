import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { PermanentError, SnoozeError } from '../../../shared/jobs/job-errors.js';
import type { LogFields, Logger } from '../../../shared/observe/logger.js';
import { Coordinator } from '../../../workers/coordinator/coordinator.js';
import { createWorker } from '../../../workers/create-worker.js';
import { eventually } from '../../support/eventually.js';
import { actJob } from '../../support/test-jobs.js';
import { startApi, startTestApi, type TestApi } from './test-api.js';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ redis: false });
});
afterAll(() => api.close());

/** The value of a series in Prometheus' text format; undefined when it is not there. */
async function scrape(series: string): Promise<number | undefined> {
  const { text } = await api.get('/metrics');
  const line = text.split('\n').find((one) => one.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}
const measured = async () => (await api.get('/api/jobs/metrics')).body.metrics;

const JOBS = [
  actJob('good', () => 'ok'),
  actJob('bad', () => {
    throw new PermanentError('no good');
  }),
  actJob('shaky', (_payload, { attempt }) => {
    if (attempt === 1) throw new Error('not yet');
  }),
  actJob('later', (_payload, { attempt }) => {
    if (attempt === 1) throw new SnoozeError(1);
  }),
];

describe('metrics agree with what was done', () => {
  beforeAll(async () => {
    const submit = (job_type: string, more: object = {}) =>
      api.post('/api/jobs', { job_type, payload: {}, ...more });
    const kinds = ['good', 'good', 'good', 'bad', 'bad', 'shaky', 'later'];
    await Promise.all(kinds.map((kind) => submit(kind)));
    await api.post('/api/jobs', { job_type: 'good', payload: {} }, { 'idempotency-key': 'once' });
    await api.post('/api/jobs', { job_type: 'good', payload: {} }, { 'idempotency-key': 'once' });
    await api.get('/api/jobs/999999999');
    const worker = createWorker({ installation: api.installation, jobs: JOBS });
    const coordinator = new Coordinator({ installation: api.installation });
    await coordinator.start();
    await worker.start();
    await eventually('all have ended', async () => {
      const [row] = await api.sql<{ open: number }>(
        'SELECT count(*) AS open FROM jobs WHERE completed_at IS NULL',
      );
      return row?.open === 0;
    });
    await worker.stop();
    await coordinator.stop();
  });

  test.each([
    ['jobs_submitted_total{job_type="good",queue="default"}', 4],
    ['jobs_submitted_total{job_type="bad",queue="default"}', 2],
    ['jobs_processed_total{job_type="good",status="completed"}', 4],
    ['jobs_processed_total{job_type="bad",status="dead_letter"}', 2],
    ['jobs_processed_total{job_type="shaky",status="retried"}', 1],
    ['jobs_processed_total{job_type="shaky",status="completed"}', 1],
    ['jobs_processed_total{job_type="later",status="snoozed"}', 1],
    ['jobs_failed_total{job_type="bad",error_type="permanent"}', 2],
    ['jobs_failed_total{job_type="shaky",error_type="unknown"}', 1],
    // What a worker may count is there from the beginning: else the first failures would be no increase.
    ['jobs_processed_total{job_type="good",status="retried"}', 0],
    ['jobs_failed_total{job_type="good",error_type="timeout"}', 0],
    ['job_duration_seconds_count{job_type="good"}', 4],
    ['job_duration_seconds_count{job_type="shaky"}', 2],
    ['job_duration_seconds_count{job_type="later"}', 1],
    ['job_wait_seconds_count{queue="default"}', 10],
    ['http_requests_total{method="POST",route="/api/jobs",status="201"}', 8],
    ['http_requests_total{method="POST",route="/api/jobs",status="200"}', 1],
    ['http_requests_total{method="GET",route="/api/jobs/:id",status="404"}', 1],
    ['http_request_duration_seconds_count{method="POST",route="/api/jobs"}', 9],
    ['postgres_up_gauge', 1],
    ['coordinator_leader_gauge', 0],
    ['coordinator_term_gauge', 1],
  ])('%s is %d', async (series, value) => {
    expect(await scrape(series)).toBe(value);
  });

  test('the format is Prometheus’ own', async () => {
    const { status, headers, text } = await api.get('/metrics');
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(text).toContain('# TYPE job_duration_seconds histogram');
    expect(text).toContain('process_cpu_seconds_total');
  });

  test('the summary has throughput, durations and error rates of the last hour', async () => {
    const { statistics, throughput, error_rates } = await measured();
    expect(throughput).toEqual({ last_hour: 6, last_24h: 6, is_exact: true });
    expect(statistics).toMatchObject({ window_seconds: 3_600, attempts: 9 });
    expect(statistics.average_duration_ms).toEqual(expect.any(Number));
    expect(statistics.p95_duration_ms).toEqual(expect.any(Number));
    expect(error_rates.overall).toBeCloseTo(3 / 9);
    expect(error_rates.by_job_type).toEqual({ good: 0, bad: 1, shaky: 0.5, later: 0 });
  });
});

describe('queue depths', () => {
  /** A busy machine measures less often. */
  const measuredAgain = <T>(look: () => Promise<T | undefined>) =>
    eventually('it is measured again', look, 60_000);

  test('count each state once', async () => {
    await api.sql(`TRUNCATE jobs, job_executions, job_dependencies, dead_letter_jobs`);
    await api.sql(`INSERT INTO queues (name, paused_at) VALUES ('paused', now())`);
    await api.sql(`
      INSERT INTO jobs (job_type, status, queue, scheduled_at, unmet_dependencies, set_aside_at, created_at) VALUES
        ('d', 'pending', 'a', NULL, 0, NULL, now() - interval '90 seconds'),
        ('d', 'pending', 'a', NULL, 0, NULL, now()),
        ('d', 'pending', 'b', NULL, 0, now(), now() - interval '10 seconds'),
        ('d', 'pending', 'paused', NULL, 0, NULL, now() - interval '1 day'),
        ('d', 'pending', 'a', now() + interval '1 hour', 0, NULL, now()),
        ('d', 'pending', 'a', now() + interval '1 hour', 1, NULL, now()),
        ('d', 'pending', 'a', NULL, 2, NULL, now() - interval '1 day'),
        ('d', 'running', 'a', NULL, 0, NULL, now() - interval '1 day'),
        ('d', 'completed', 'a', NULL, 0, NULL, now()),
        ('d', 'failed', 'a', NULL, 0, NULL, now()),
        ('d', 'failed', 'a', NULL, 0, NULL, now()),
        ('d', 'cancelled', 'a', NULL, 0, NULL, now())`);
    await api.sql(`
      INSERT INTO dead_letter_jobs (job_id, queue, job_type, payload, fingerprint, attempts, reason, status, reviewed_at)
      VALUES (1, 'a', 'd', '{}', 'f', 1, 'permanent', 'open', NULL), (2, 'a', 'd', '{}', 'f', 1, 'permanent', 'replayed', now())`);
    const fresh = await measuredAgain(async () => {
      const metrics = await measured();
      return metrics.queue_depths.pending > 0 ? metrics : undefined;
    });
    expect(fresh.queue_depths).toEqual({
      pending: 4,
      processing: 1,
      scheduled: 2,
      blocked: 1,
      failed: 2,
      dlq: 1,
    });
    expect(fresh.queue_depths_are_exact).toBe(true);
    // A paused queue waits on purpose.
    expect(Object.keys(fresh.oldest_ready_seconds as object).sort()).toEqual(['a', 'b']);
    expect(fresh.oldest_ready_seconds.a).toBeGreaterThanOrEqual(90);
    expect(fresh.oldest_ready_seconds.a).toBeLessThan(3_600);
    // The gauges share what the API has measured.
    expect(await scrape('queue_depth_gauge{status="scheduled"}')).toBe(2);
    expect(await scrape('queue_depth_gauge{status="dlq"}')).toBe(1);
    expect(await scrape('queue_oldest_ready_seconds{queue="a"}')).toBeGreaterThanOrEqual(90);
  }, 90_000);

  test('of a large backlog are estimated, the oldest ready job is not', async () => {
    await api.sql('TRUNCATE jobs CASCADE');
    await api.sql(`
      INSERT INTO jobs (job_type, queue, priority, created_at)
      SELECT 'many', 'q' || n % 3, n % 5 * 20, now() - interval '100 seconds' + n % 10 * interval '1 second'
        FROM generate_series(1, 60000) n`);
    await api.sql('ANALYZE jobs');
    const many = await measuredAgain(async () => {
      const metrics = await measured();
      return metrics.queue_depths.pending > 10_000 ? metrics : undefined;
    });
    expect(many.queue_depths_are_exact).toBe(false);
    expect(many.queue_depths).toMatchObject({ pending: 60_000, processing: 0, scheduled: 0, blocked: 0 });
    const { q0, q1, q2 } = many.oldest_ready_seconds as Record<string, number>;
    for (const seconds of [q0, q1, q2]) expect(seconds).toBeGreaterThan(99);
    await api.sql('TRUNCATE jobs CASCADE');
  }, 90_000);

  test('show workers that live, that are silent and that died; not those that left', async () => {
    await api.sql(`TRUNCATE workers`);
    await api.sql(`
      INSERT INTO workers (id, hostname, pid, version, queues, job_types, concurrency, dead_after_ms, last_seen_at, dead_at, stopped_at)
      VALUES ('w-alive', 'h', 1, '1', '{default}', '{x}', 5, 600000, now(), NULL, NULL),
             ('w-silent', 'h', 2, '1', '{default}', '{x}', 5, 10000, now() - interval '1 minute', NULL, NULL),
             ('w-dead', 'h', 3, '1', '{default}', '{x}', 5, 10000, now() - interval '5 minutes', now() - interval '4 minutes', NULL),
             ('w-long-dead', 'h', 4, '1', '{default}', '{x}', 5, 10000, now() - interval '1 day', now() - interval '23 hours', NULL),
             ('w-left', 'h', 5, '1', '{default}', '{x}', 5, 10000, now(), NULL, now())`);
    const health = await measuredAgain(async () => {
      const { worker_health: all } = await measured();
      return all.length > 0 ? (all as { worker_id: string; status: string }[]) : undefined;
    });
    expect(Object.fromEntries(health.map(({ worker_id, status }) => [worker_id, status]))).toEqual({
      'w-alive': 'alive',
      'w-silent': 'silent',
      'w-dead': 'dead',
    });
    expect(await scrape('worker_alive_gauge{worker_id="w-alive"}')).toBe(1);
    expect(await scrape('worker_alive_gauge{worker_id="w-silent"}')).toBe(0);
    expect(await scrape('worker_alive_gauge{worker_id="w-dead"}')).toBe(0);
    expect(await scrape('worker_alive_gauge{worker_id="w-long-dead"}')).toBeUndefined();
  }, 90_000);
});

describe('health', () => {
  test('names each component; without a coordinator and workers it is degraded, not down', async () => {
    await api.sql('TRUNCATE workers');
    const { status, body } = await api.get('/health');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      status: 'degraded',
      components: {
        postgres: { status: 'ok', latency_ms: expect.any(Number) },
        redis: { status: 'not_configured' },
        coordinator: { status: 'none' },
        workers: { status: 'none', alive: 0 },
      },
    });
  });

  test('is ok when all is there', async () => {
    const worker = createWorker({ installation: api.installation, jobs: JOBS });
    const coordinator = new Coordinator({ installation: api.installation });
    await Promise.all([worker.start(), coordinator.start()]);
    try {
      await eventually('somebody leads', () => coordinator.isLeading);
      expect((await api.get('/health')).body).toMatchObject({
        status: 'ok',
        components: { coordinator: { status: 'ok' }, workers: { status: 'ok', alive: 1 } },
      });
    } finally {
      await worker.stop();
      await coordinator.stop();
    }
  });

  test('the probes answer', async () => {
    for (const probe of ['/health/live', '/health/ready']) {
      expect(await api.get(probe)).toMatchObject({ status: 200, body: { status: 'ok' } });
    }
  });
});

test('requests are logged at debug with their id, failures at error, and no stack leaves', async () => {
  const lines: { level: string; message: string; fields: LogFields | undefined }[] = [];
  const at = (level: string) => (message: string, fields?: LogFields) =>
    void lines.push({ level, message, fields });
  const logger: Logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  const broken = {
    ...api.installation,
    db: { ...api.installation.db, query: () => Promise.reject(new Error('secret: at /home/x')) },
  };
  const other = await startApi(broken, { logger });
  try {
    const answer = await other.get('/api/jobs/1', { 'x-request-id': 'find-me' });
    expect(answer).toMatchObject({ status: 500, body: { code: 'internal', request_id: 'find-me' } });
    expect(answer.text).not.toContain('secret');
    expect(lines.find(({ level }) => level === 'error')?.fields).toMatchObject({
      requestId: 'find-me',
      error: 'secret: at /home/x',
      stack: expect.any(String),
    });
    await eventually('the request is logged', () => lines.some(({ level }) => level === 'debug'));
    expect(lines.find(({ level }) => level === 'debug')?.fields).toMatchObject({
      requestId: 'find-me',
      method: 'GET',
      url: '/api/jobs/1',
      status: 500,
    });
  } finally {
    await other.stop();
  }
});
