import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createClient } from '../../../shared/client/create-client.js';
import { toDepthReading } from '../../../shared/jobs/depth-reading.js';
import { createJobMeasurer } from '../../../shared/jobs/measure-jobs.js';
import { packageVersion } from '../../../shared/package-root.js';
import { createWorker, type Worker } from '../../../workers/create-worker.js';
import { eventually } from '../../support/eventually.js';
import { HeldRuns } from '../../support/test-jobs.js';
import { startTestApi, type TestApi } from './test-api.js';

let api: TestApi;
let worker: Worker | undefined;
beforeAll(async () => {
  api = await startTestApi();
});
beforeEach(() => api.sql('TRUNCATE jobs, job_executions, job_dependencies, claim_batches, workers'));
afterEach(() => worker?.stop());
afterAll(() => api.close());

/** Workers as they were registered: id, seconds since the heartbeat, and what became of them. */
const register = (...rows: [id: string, silentFor: number, end?: 'dead_at' | 'stopped_at'][]) =>
  Promise.all(
    rows.map(([id, silentFor, end], index) =>
      api.sql(
        `INSERT INTO workers (id, hostname, pid, version, queues, job_types, concurrency, dead_after_ms, started_at, last_seen_at${end ? `, ${end}` : ''})
         VALUES ($1, 'h', 1, '1.2.3', '{default}', '{x}', 5, 10000, now() - $2 * interval '1 minute',
                 now() - $3 * interval '1 second'${end ? ', now()' : ''})`,
        [id, 10 + index, silentFor],
      ),
    ),
  );
const ids = async (query = '') =>
  (await api.get(`/api/workers${query}`)).body.workers.map(({ worker_id: id }) => id);

describe('GET /api/workers', () => {
  test.each([
    [{ default: 10, mail: 2 }, 12],
    [{ default: 10, mail: undefined, bulk: undefined }, 13],
    [['default', 'mail'], 3],
  ])('counts the slots of queues %j', async (queues, slots) => {
    const { job } = new HeldRuns();
    worker = createWorker({ installation: api.installation, jobs: [job], queues, concurrency: 3 });
    await worker.start();
    const { workers } = (await api.get('/api/workers')).body;
    expect(workers).toMatchObject([{ worker_id: worker.id, concurrency: slots }]);
    // The API has rested figures of a moment ago.
    const { workers: gauged } = toDepthReading(await createJobMeasurer(api.installation.db).read());
    expect(gauged).toMatchObject([{ workerId: worker.id, slots }]);
  });

  test('shows what each runs and since when, its version and its last heartbeat', async () => {
    const held = new HeldRuns();
    worker = createWorker({ installation: api.installation, jobs: [held.job], concurrency: 2 });
    await worker.start();
    const client = await createClient(api);
    const first = await client.submit(held.job, {});
    await held.run(0);
    const second = await client.submit(held.job, {}, { priority: 90 });
    await held.run(1);
    await client.submit(held.job, {});

    const { body } = await api.get('/api/workers');
    expect(body.workers).toHaveLength(1);
    expect(body.workers[0]).toMatchObject({
      worker_id: worker.id,
      status: 'alive',
      version: packageVersion,
      pid: process.pid,
      queues: ['default'],
      job_types: ['held'],
      concurrency: 2,
      dead_at: null,
      stopped_at: null,
      running_count: 2,
      running: [
        { job_id: first.id, job_type: 'held', queue: 'default', attempt: 1 },
        { job_id: second.id, job_type: 'held', queue: 'default', attempt: 1 },
      ],
    });
    const [row] = await api.sql<{ startedAt: Date; lastSeenAt: Date }>(
      `SELECT j.started_at AS "startedAt", w.last_seen_at AS "lastSeenAt" FROM jobs j JOIN workers w ON w.id = j.worker_id WHERE j.id = $1`,
      [first.id],
    );
    expect(body.workers[0]?.running[0]?.started_at).toBe(row?.startedAt.toISOString());
    expect((await api.get(`/api/workers/${worker.id}`)).body.worker).toMatchObject({ running_count: 2 });

    held.endAll();
    await held.run(2);
    await eventually('only the third one runs', async () => {
      const { worker: now } = (await api.get(`/api/workers/${worker!.id}`)).body;
      return now.running_count === 1 && now.running[0]?.job_id !== first.id;
    });
    held.endAll();
    await worker.stop();
    expect((await api.get(`/api/workers/${body.workers[0]!.worker_id}`)).body.worker).toMatchObject({
      status: 'stopped',
      running_count: 0,
      running: [],
    });
  });

  test('names at most a hundred of the jobs that one runs, and counts them all; by itself it names all', async () => {
    await register(['w-1', 0]);
    await api.sql(`
      WITH job AS (INSERT INTO jobs (job_type, status, attempt, worker_id, started_at)
                   SELECT 'x', 'running', 1, 'w-1', now() - n * interval '1 second' FROM generate_series(1, 120) AS n RETURNING id)
      INSERT INTO claim_batches (worker_id, batch_no, job_ids) SELECT 'w-1', 1, array_agg(id) FROM job`);
    const [listed] = (await api.get('/api/workers')).body.workers;
    expect([listed?.running.length, listed?.running_count]).toEqual([100, 120]);
    const times = listed!.running.map(({ started_at: startedAt }) => startedAt);
    expect(times).toEqual([...times].sort());
    expect((await api.get('/api/workers/w-1')).body.worker.running).toHaveLength(120);
  });

  test('can be asked for those of one status', async () => {
    await register(['w-alive', 1], ['w-silent', 60], ['w-dead', 60, 'dead_at'], ['w-left', 60, 'stopped_at']);
    for (const [status, id] of [
      ['alive', 'w-alive'],
      ['silent', 'w-silent'],
      ['dead', 'w-dead'],
      ['stopped', 'w-left'],
    ]) {
      expect(await ids(`?status=${status}`)).toEqual([id]);
      expect((await api.get(`/api/workers/${id}`)).body.worker.status).toBe(status);
    }
  });

  test('comes in pages: those that are there first, the newest first', async () => {
    await register(['w-a', 1], ['w-b', 1], ['w-gone', 1, 'dead_at'], ['w-c', 1]);
    const { body } = await api.get('/api/workers?limit=2');
    expect(body.workers.map(({ worker_id: id }) => id)).toEqual(['w-a', 'w-b']);
    expect(body.pagination).toEqual({ limit: 2, has_more: true, next_cursor: 'w-b' });
    expect(await ids('?limit=2&cursor=w-b')).toEqual(['w-c', 'w-gone']);
    expect(await ids('?limit=2&cursor=w-gone')).toEqual([]);
  });

  test('refuses bad input, and knows of no worker that nobody has seen', async () => {
    for (const query of ['status=busy', 'limit=0', 'cursor=w-nobody', 'page=2']) {
      const { status, body } = await api.get(`/api/workers?${query}`);
      expect([status, body.details.map(({ field }) => field)]).toEqual([400, [query.split('=')[0]]]);
    }
    expect(await api.get('/api/workers/w-nobody')).toMatchObject({
      status: 404,
      body: { code: 'not_found' },
    });
  });
});
