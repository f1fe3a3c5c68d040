import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { createClient } from '../../shared/client/create-client.js';
import { openInstallation, type Installation } from '../../shared/installation.js';
import { Coordinator } from '../../workers/coordinator/coordinator.js';
import { createWorker } from '../../workers/create-worker.js';
import { eventually } from '../support/eventually.js';
import { forkWorker } from '../support/fork-worker.js';
import {
  hasPgBouncer,
  SERVER_CONNECTIONS,
  startPrivatePgBouncer,
  type PrivatePgBouncer,
} from '../support/private-pgbouncer.js';
import { createTestInstallation, type TestInstallation } from '../support/test-installation.js';
import { actJob, HeldRuns } from '../support/test-jobs.js';

/**
 * All of it by way of a real PgBouncer in transaction mode, with four connections to PostgreSQL: for many clients, so that
 * a statement lands elsewhere each time. Only the tests themselves look past it.
 */
(hasPgBouncer ? describe : describe.skip)('behind PgBouncer', () => {
  let db: TestInstallation;
  let bouncer: PrivatePgBouncer;
  let pooled: Installation;
  const stopping: { stop(): Promise<unknown> }[] = [];

  beforeAll(async () => {
    db = await createTestInstallation();
    bouncer = await startPrivatePgBouncer(db.connectionString);
    pooled = await open();
  });
  beforeEach(async () => {
    await db.sql('TRUNCATE jobs, job_executions, job_dependencies, dead_letter_jobs, claim_batches, workers');
  });
  afterEach(async () => {
    for (const one of stopping.splice(0).reverse()) await one.stop();
  });
  afterAll(async () => {
    await pooled?.close();
    await bouncer?.close();
    await db?.close();
  });

  const open = () =>
    openInstallation({
      postgres: { connectionString: bouncer.url },
      redis: db.redisUrl === null ? null : { url: db.redisUrl },
    });
  async function work(jobs: Parameters<typeof createWorker>[0]['jobs'], options = {}) {
    const worker = createWorker({ installation: pooled, jobs, concurrency: 20, ...options });
    stopping.push(worker);
    await worker.start();
  }
  async function coordinate(): Promise<Coordinator> {
    const coordinator = new Coordinator({ installation: pooled });
    stopping.push(coordinator);
    await coordinator.start();
    return coordinator;
  }
  const finished = (count: number) =>
    eventually(`${count} jobs are finished`, async () => {
      const found = await db.sql('SELECT 1 FROM jobs WHERE completed_at IS NOT NULL');
      return found.length === count;
    });
  const attempts = () =>
    db.sql('SELECT status, attempt, count(*) AS n FROM job_executions GROUP BY 1, 2 ORDER BY 1, 2');
  const payloads = (length: number) => Array.from({ length }, (_, n) => ({ n }));

  test('hundreds of jobs run once each, submitted one by one, together, in a transaction and by plain SQL', async () => {
    const echo = actJob('echo', (payload) => payload);
    await coordinate();
    await work([echo]);
    const client = await createClient({ installation: pooled });
    const single = await Promise.all(payloads(200).map((payload) => client.submit(echo, payload)));
    const many = await client.submitMany(echo, payloads(200));
    const inTx = await pooled.db.transaction((tx) => client.submitMany(echo, payloads(100), { tx }));
    await pooled.db.query(
      `INSERT INTO jobs (job_type, payload) SELECT 'echo', json_build_object('n', n) FROM generate_series(0, 99) n`,
    );
    await finished(600);
    expect(await attempts()).toEqual([{ status: 'completed', attempt: 1, n: 600 }]);
    for (const submitted of [single, many, inTx]) {
      const results = await Promise.all(submitted.map(({ id }) => client.result(id)));
      expect(results).toEqual(payloads(submitted.length));
    }
  });

  test('a job is tried again, a running one is cancelled, a child waits for its parent', async () => {
    const held = new HeldRuns();
    const flaky = actJob('flaky', (_payload, { attempt }) => {
      if (attempt < 3) throw new Error('not yet');
      return attempt;
    });
    await coordinate();
    await work([held.job, flaky]);
    const client = await createClient({ installation: pooled });

    const { id: retried } = await client.submit(flaky, {});
    const child = await client.submit(flaky, {}, { dependsOn: [{ jobId: retried }] });
    expect(await client.result(retried)).toBe(3);
    expect(await client.result(child.id)).toBe(3);

    const { id: cancelled } = await client.submit(held.job, {});
    const { ctx } = await held.run(0);
    await client.cancel(cancelled, 'enough');
    await eventually('its handler is told', () => ctx.signal.aborted);
    held.endAll();
    expect(await client.get(cancelled)).toMatchObject({ status: 'cancelled' });
  });

  test('the jobs of a worker that is killed run elsewhere', async () => {
    await coordinate();
    const reach = { connectionString: bouncer.url, redisUrl: db.redisUrl };
    // Long enough that a busy machine does not look like the death of the one that lives.
    const settings = { DEAD_AFTER_MS: '4000' };
    const first = await forkWorker('worker-process', reach, settings);
    stopping.push({ stop: () => first.kill() });
    const [{ id }] = (await db.sql<{ id: number }>(`SELECT submit_job('forever') AS id`)) as [{ id: number }];
    const runsAt = (workerId: string) =>
      eventually(`job ${id} runs at ${workerId}`, async () => {
        const [job] = await db.sql('SELECT status, worker_id FROM jobs');
        return job!.status === 'running' && job!.worker_id === workerId;
      });
    await runsAt(first.id);
    const second = await forkWorker('worker-process', reach, settings);
    stopping.push({ stop: () => second.kill() });
    await first.kill();
    await runsAt(second.id);
    expect(await attempts()).toEqual([{ status: 'lost', attempt: 1, n: 1 }]);
  });

  test('one of ten coordinators leads', async () => {
    const coordinators = await Promise.all(Array.from({ length: 10 }, coordinate));
    const leaders = () => coordinators.filter(({ isLeading }) => isLeading);
    await eventually('one leads', () => leaders().length > 0);
    const [{ term }] = (await db.sql<{ term: number }>('SELECT term FROM coordinator_lease')) as [
      { term: number },
    ];
    await leaders()[0]!.stop();
    await eventually('another one leads', async () => {
      const [lease] = await db.sql<{ term: number }>('SELECT term FROM coordinator_lease');
      return lease!.term > term && leaders().length > 0;
    });
    expect(leaders()).toHaveLength(1);
  });

  test('when it is killed and started again while jobs run, nothing is lost and nothing runs twice', async () => {
    const held = new HeldRuns();
    await coordinate();
    await work([held.job]);
    const client = await createClient({ installation: pooled });
    await client.submitMany(held.job, payloads(60));
    await held.run(19);
    const delayed = new Promise((resolve) => pooled.events.once('settleDelayed', resolve));
    await bouncer.kill();
    for (let i = 0; i < 20; i++) (await held.run(i)).end();
    await delayed;
    await expect(client.submit(held.job, {})).rejects.toMatchObject({ code: 'postgres_unavailable' });
    await bouncer.start();
    for (let i = 20; i < 60; i++) (await held.run(i)).end();
    await finished(60);
    expect(await attempts()).toEqual([{ status: 'completed', attempt: 1, n: 60 }]);
    expect(held.count).toBe(60);
  });

  test('claims and settles wait while all its connections to PostgreSQL are taken, and go on', async () => {
    const held = new HeldRuns();
    await coordinate();
    await work([held.job]);
    const client = await createClient({ installation: pooled });
    await client.submitMany(held.job, payloads(10));
    await held.run(9);
    const release = await takeAllConnections();
    held.endAll();
    const submitting = client.submitMany(held.job, payloads(10));
    await eventually(
      'the settle and the submit stand in line',
      async () => (await bouncer.countWaiting()) >= 2,
    );
    expect(await attempts()).toEqual([]);
    await release();
    await submitting;
    for (let i = 10; i < 20; i++) (await held.run(i)).end();
    await finished(20);
    expect(await attempts()).toEqual([{ status: 'completed', attempt: 1, n: 20 }]);
  });

  /** As an application does that shares the pooler and keeps transactions open. */
  async function takeAllConnections(): Promise<() => Promise<void>> {
    const holders = Array.from({ length: SERVER_CONNECTIONS }, () => new pg.Client(bouncer.url));
    await Promise.all(
      holders.map(async (holder) => {
        await holder.connect();
        await holder.query('BEGIN');
        await holder.query('SELECT 1');
      }),
    );
    return async () => {
      await Promise.all(holders.map((holder) => holder.end()));
    };
  }
});
