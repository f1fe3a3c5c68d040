import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { createClient, type Client } from '../../../shared/client/create-client.js';
import { Coordinator } from '../../../workers/coordinator/coordinator.js';
import { createWorker, type Worker } from '../../../workers/create-worker.js';
import type { WorkerSettings } from '../../../workers/worker-settings.js';
import { eventually } from '../../support/eventually.js';
import { forkWorker, type ForkedProcess } from '../../support/fork-worker.js';
import { createTestInstallation, type TestInstallation } from '../../support/test-installation.js';
import { HeldRuns, submitBySql } from '../../support/test-jobs.js';

/** Parts of a worker that die, and workers that end by a signal or gently; what becomes of the jobs they ran. */
let db: TestInstallation;
let client: Client;
let coordinator: Coordinator;
const processes: ForkedProcess[] = [];
const workers: Worker[] = [];
beforeAll(async () => {
  db = await createTestInstallation();
  client = await createClient(db);
  coordinator = new Coordinator(db);
  await coordinator.start();
});
afterEach(async () => {
  for (const one of processes.splice(0)) await one.kill();
  for (const one of workers.splice(0)) await one.stop();
  await db.sql(`UPDATE workers SET dead_at = now() WHERE dead_at IS NULL`);
  await db.sql('TRUNCATE jobs, job_executions, job_dependencies, dead_letter_jobs, claim_batches');
});
afterAll(async () => {
  await coordinator.stop();
  await db.close();
});

const fork = async (): Promise<ForkedProcess> => {
  processes.push(await forkWorker('worker-process', db));
  return processes.at(-1)!;
};
const start = async (held: HeldRuns, settings: Partial<WorkerSettings> = {}): Promise<Worker> => {
  const worker = createWorker({
    installation: db.installation,
    heartbeatIntervalMs: 100,
    deadAfterMs: 1_000,
    ...settings,
    jobs: [held.job],
  });
  workers.push(worker);
  await worker.start();
  return worker;
};
const submit = (type: string, payload?: unknown, timeoutMs?: number) =>
  submitBySql(db, type, payload, timeoutMs);
const running = (id: number, attempt: number) =>
  eventually(`job ${id} runs for the ${attempt}. time`, async () => {
    const [row] = await db.sql<{ worker_id: string }>(
      `SELECT worker_id FROM jobs WHERE id = $1 AND attempt = $2 AND status = 'running'`,
      [id, attempt],
    );
    return row?.worker_id;
  });
const attempts = async (id: number) =>
  (
    await db.sql('SELECT attempt, status, worker_id FROM job_executions WHERE job_id = $1 ORDER BY 1', [id])
  ).map((row) => Object.values(row));
const row = async (id: number) =>
  (await db.sql('SELECT status, attempt, retry_count, lost_count FROM jobs WHERE id = $1', [id]))[0]!;

describe('a worker whose heartbeat', () => {
  test('thread dies goes on as another incarnation; what it ran is aborted, rescued and run again', async () => {
    const { child, id: former, said } = await fork();
    const id = await submit('forever');
    await eventually('it runs', () => said.some(({ event }) => event === 'running'));
    child.send('end heartbeat');
    await eventually('its handler is aborted', () => said.some(({ event }) => event === 'aborted'));
    const next = await running(id, 2);
    expect(next).not.toBe(former);
    expect(await attempts(id)).toEqual([[1, 'lost', former]]);
    expect(await row(id)).toMatchObject({ retry_count: 0, lost_count: 1 });
    // It is the same process, and it does whatever else comes.
    const another = await submit('block', { ms: 1 });
    await eventually('another job', async () => (await row(another)).status === 'completed');
    expect(await attempts(another)).toEqual([[1, 'completed', next]]);
    expect(child.exitCode).toBeNull();
  });

  test('cannot connect for longer than its lease is declared dead, and starts over when it can', async () => {
    const held = new HeldRuns();
    const { id: former } = await start(held, { deadAfterMs: 1_500 });
    const { id } = await client.submit(held.job, {});
    const run = await held.run(0);
    const aborted = once(run.ctx.signal, 'abort');
    const name = new URL(db.connectionString).pathname.slice(1);
    const server = new pg.Client(process.env.HOLDFAST_TEST_POSTGRES_URL);
    await server.connect();
    try {
      await server.query(`ALTER DATABASE ${name} WITH ALLOW_CONNECTIONS false`);
      await server.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND query LIKE 'UPDATE workers SET last_seen_at%'`,
        [name],
      );
      await eventually('its job is rescued', async () => (await attempts(id)).length > 0);
    } finally {
      await server.query(`ALTER DATABASE ${name} WITH ALLOW_CONNECTIONS true`);
      await server.end();
    }
    await aborted;
    run.end('too late');
    (await held.run(1)).end('in time');
    expect(await client.result(id)).toBe('in time');
    const ends = await attempts(id);
    expect(ends).toEqual([
      [1, 'lost', former],
      [2, 'completed', expect.any(String)],
    ]);
    expect(ends[1]![2]).not.toBe(former);
  });
});

describe('a process that has rested', () => {
  const rested = async (): Promise<ForkedProcess> => {
    const forked = await fork();
    await eventually('it rests', () => forked.said.some(({ event }) => event === 'heartbeat told to rest'));
    return forked;
  };

  test('hears of a cancel', async () => {
    const { said } = await rested();
    const id = await submit('forever');
    await eventually('it runs', () => said.some(({ event }) => event === 'running'));
    await client.cancel(id);
    await eventually('its handler is aborted', () => said.some(({ event }) => event === 'aborted'));
  });

  test('is ended when a handler blocks it', async () => {
    const { child } = await rested();
    const ended = once(child, 'exit');
    const id = await submit('block', { ms: 60_000 }, 300);
    expect(await ended).toEqual([null, 'SIGKILL']);
    expect((await attempts(id))[0]!.slice(0, 2)).toEqual([1, 'timed_out']);
  });
});

describe('a handler that blocks the event loop after it has awaited something', () => {
  test.each([
    ['alone over its timeout', 60_000],
    ['while a neighbour is over its timeout too', 600],
  ])('%s ends with its process, and no neighbour is charged', async (_case, neighboursTimeoutMs) => {
    const { child } = await fork();
    const ended = once(child, 'exit');
    const idle = await submit('forever');
    await running(idle, 1);
    const [overdue, blocking] = (
      await db.sql<{ id: number }>(
        `INSERT INTO jobs (job_type, payload, timeout_ms)
         VALUES ('forever', '{}', $1), ('block', '{"ms": 60000, "after": 100, "once": true}', 300) RETURNING id`,
        [neighboursTimeoutMs],
      )
    ).map(({ id }) => id) as [number, number];
    expect(await ended).toEqual([null, 'SIGKILL']);
    for (const id of [idle, overdue]) {
      await eventually('its neighbour is free', async () => (await attempts(id)).length > 0);
      expect(await row(id)).toMatchObject({ status: 'pending', attempt: 1, retry_count: 0 });
      expect(['lost', 'released']).toContain((await attempts(id))[0]![1]);
    }
    await fork();
    await running(idle, 2);
    await eventually('the job is run again', async () => (await row(blocking)).status === 'completed');
  });
});

describe('a worker that is told to stop', () => {
  test('waits for a job that ends in time; longer ones run elsewhere at once, uncharged', async () => {
    const [here, elsewhere] = [new HeldRuns(), new HeldRuns()];
    const worker = await start(here, { shutdownTimeoutMs: 2_000, abortGraceMs: 100, deadAfterMs: 60_000 });
    const former = worker.id!;
    const jobs = await client.submitMany(here.job, [{}, {}, {}]);
    const runs = [await here.run(0), await here.run(1), await here.run(2)];
    const runOf = (id: number) => runs.find(({ ctx }) => ctx.jobId === id)!;
    const [quick, polite, deaf] = jobs.map(({ id }) => id) as [number, number, number];
    runOf(polite).ctx.signal.addEventListener('abort', () =>
      runOf(polite).fail(runOf(polite).ctx.signal.reason),
    );
    const other = await start(elsewhere);

    const stopped = worker.stop();
    // It takes no more: this one runs elsewhere although here are free slots.
    const late = await client.submit(here.job, {});
    (await elsewhere.run(0)).end();
    await client.result(late.id);
    runOf(quick).end('in time');
    await stopped;
    for (const index of [1, 2]) (await elsewhere.run(index)).end('elsewhere');

    expect(await client.result(quick)).toBe('in time');
    expect(await attempts(quick)).toEqual([[1, 'completed', former]]);
    for (const id of [polite, deaf]) {
      expect(await client.result(id)).toBe('elsewhere');
      expect(await row(id)).toEqual({ status: 'completed', attempt: 2, retry_count: 0, lost_count: 0 });
      expect(await attempts(id)).toEqual([
        [1, 'released', former],
        [2, 'completed', other.id],
      ]);
    }
    expect(here.count).toBe(3);
    runOf(deaf).end('much too late');
  });
});
