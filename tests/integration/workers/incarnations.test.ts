import { Worker as Thread } from 'node:worker_threads';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createClient, type Client } from '../../../shared/client/create-client.js';
import { rescueJobs } from '../../../shared/jobs/rescue-jobs.js';
import { createWorker, type Worker } from '../../../workers/create-worker.js';
import { eventually } from '../../support/eventually.js';
import { createTestInstallation, type TestInstallation } from '../../support/test-installation.js';
import { HeldRuns } from '../../support/test-jobs.js';

/** A worker from its start to its end, or to its death and the next incarnation. */
let db: TestInstallation;
let client: Client;
beforeAll(async () => {
  db = await createTestInstallation();
  client = await createClient(db);
});
beforeEach(() =>
  db.sql(
    'TRUNCATE jobs, job_executions, job_dependencies, dead_letter_jobs, claim_batches, workers, cancel_requests',
  ),
);
afterAll(() => db.close());

const row = async (id: number) => (await db.sql('SELECT * FROM jobs WHERE id = $1', [id]))[0]!;
const attempts = async (id: number) =>
  (
    await db.sql('SELECT attempt, status, worker_id FROM job_executions WHERE job_id = $1 ORDER BY 1', [id])
  ).map((r) => Object.values(r));

describe('a worker', () => {
  const held = new HeldRuns();
  let workers: Worker[] = [];
  const start = async (options = {}) => {
    const worker = createWorker({
      installation: db.installation,
      jobs: [held.job],
      heartbeatIntervalMs: 50,
      deadAfterMs: 10_000,
      ...options,
    });
    workers.push(worker);
    await worker.start();
    return worker;
  };
  afterEach(async () => {
    held.endAll();
    await Promise.all(workers.map((worker) => worker.stop()));
    workers = [];
  });

  test('aborts a cancelled job within a second, and what the handler then returns is void', async () => {
    await start();
    const next = held.count;
    const { id } = await client.submit(held.job, {});
    const run = await held.run(next);
    const aborted = new Promise<void>((resolve) => run.ctx.signal.addEventListener('abort', () => resolve()));
    const askedAt = Date.now();
    run.ctx.log.info('half done');
    await client.cancel(id, 'changed my mind');
    await aborted;
    expect(Date.now() - askedAt).toBeLessThan(5_000);
    run.end('too late');
    expect(await row(id)).toMatchObject({
      status: 'cancelled',
      result: null,
      error_message: 'changed my mind',
    });
    expect(await attempts(id)).toEqual([[1, 'cancelled', expect.any(String)]]);
    await eventually(
      'what it logged is on record',
      async () =>
        (
          await db.sql(`SELECT 1 FROM job_executions WHERE job_id = $1 AND logs::text LIKE '%half done%'`, [
            id,
          ])
        ).length,
    );
  });

  test('that was declared dead aborts everything and goes on as another incarnation', async () => {
    const worker = await start();
    const former = worker.id;
    const next = held.count;
    const { id } = await client.submit(held.job, {});
    const run = await held.run(next);
    const aborted = new Promise<void>((resolve) => run.ctx.signal.addEventListener('abort', () => resolve()));
    await db.sql('UPDATE workers SET dead_at = now() WHERE id = $1', [former]);
    await aborted;
    run.end();
    await eventually('a new incarnation', () => worker.id !== undefined && worker.id !== former);
    // However late the rescue comes, the way from the dead worker to its job is still there.
    await new Promise((resolve) => setTimeout(resolve, 100));
    await rescueJobs(db.installation, 'lately');
    const again = await held.run(next + 1);
    expect(again.ctx.attempt).toBe(2);
    again.end('second');
    expect(await client.result(id)).toBe('second');
    expect(await attempts(id)).toEqual([
      [1, 'lost', former],
      [2, 'completed', worker.id],
    ]);
  });

  test('whose heartbeat ends while it starts goes on as another incarnation', async () => {
    const threads: Thread[] = [];
    const post = jest.spyOn(Thread.prototype, 'postMessage').mockImplementation(function (this: Thread) {
      threads.push(this);
    });
    const worker = createWorker({ installation: db.installation, jobs: [held.job] });
    workers.push(worker);
    const starting = await db.installation.db.transaction(async (tx) => {
      // What it does last when it starts waits for this.
      await tx.query('LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE');
      const started = worker.start();
      await eventually('its thread runs', () => threads[0]);
      post.mockRestore();
      await threads[0]!.terminate();
      return { started };
    });
    await starting.started;
    const ids = await db.sql<{ id: string }>('SELECT id FROM workers ORDER BY started_at');
    expect([ids.length, worker.id]).toEqual([2, ids[1]!.id]);
  });

  test('lets running handlers finish when it stops, and releases those that cannot without a charge', async () => {
    const worker = await start({ shutdownTimeoutMs: 200, abortGraceMs: 50 });
    const first = held.count;
    const [quick, stuck] = await client.submitMany(held.job, [{}, {}]);
    const runs = [await held.run(first), await held.run(first + 1)];
    const stopped = worker.stop();
    runs.find((run) => run.ctx.jobId === quick!.id)!.end('done in time');
    await stopped;
    expect(await row(quick!.id)).toMatchObject({ status: 'completed', result: 'done in time' });
    expect(await row(stuck!.id)).toMatchObject({ status: 'pending', retry_count: 0, attempt: 1 });
    expect(await attempts(stuck!.id)).toEqual([[1, 'released', expect.any(String)]]);
    expect(await db.sql('SELECT 1 FROM claim_batches')).toEqual([]);
  });

  test('runs one suspect at a time, and all others beside it', async () => {
    const first = held.count;
    await db.sql(`INSERT INTO jobs (job_type, lost_count) VALUES ('held', 2), ('held', 3), ('held', 0)`);
    await start({ pollIntervalMs: 100 });
    const runs = [await held.run(first), await held.run(first + 1)];
    const lossesOfRunning = async () =>
      (
        await db.sql<{ lost_count: number }>(
          `SELECT lost_count FROM jobs WHERE status = 'running' ORDER BY 1`,
        )
      ).map((r) => r.lost_count);
    expect((await lossesOfRunning()).filter((losses) => losses > 0)).toHaveLength(1);
    expect(held.count).toBe(first + 2);
    for (const run of runs) run.end();
    (await held.run(first + 2)).end();
    await eventually(
      'all are completed',
      async () => (await db.sql(`SELECT 1 FROM jobs WHERE completed_at IS NULL`)).length === 0,
    );
  });
});
