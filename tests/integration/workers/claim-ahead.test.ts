import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeEach, expect, test } from '@jest/globals';
import { z } from 'zod';
import { createClient, type Client } from '../../../shared/client/create-client.js';
import { defineJob } from '../../../shared/jobs/define-job.js';
import { createWorker, type Worker } from '../../../workers/create-worker.js';
import type { WorkerSettings } from '../../../workers/worker-settings.js';
import { eventually } from '../../support/eventually.js';
import { createTestInstallation, type TestInstallation } from '../../support/test-installation.js';

/** A busy worker claims a few jobs more than it has slots: they begin when others end, or go back. */
const CONCURRENCY = 20;
const JOBS = 2_000;
const db: TestInstallation = await createTestInstallation();
const client: Client = await createClient(db);
const workers: Worker[] = [];
let claimed = 0;
db.installation.events.on('claimed', (jobs) => (claimed += jobs.length));
// No slot came free for it in time, as on a slow machine: it will be claimed again.
db.installation.events.on('settled', (outcomes) => {
  claimed -= outcomes.filter(({ kind }) => kind === 'released').length;
});
beforeEach(async () => {
  claimed = 0;
  await db.sql('TRUNCATE jobs, job_executions, job_dependencies, claim_batches, workers');
});
afterEach(async () => {
  for (const worker of workers.splice(0)) await worker.stop();
});
afterAll(() => db.close());

/** Short runs, until a job waits for a slot: then none of them ends before `open` is called. */
class Runs {
  open!: () => void;
  private readonly opened = new Promise<void>((resolve) => (this.open = resolve));
  readonly begun = new Set<number>();
  running = 0;
  mostRunning = 0;
  isHeld = false;
  readonly job = defineJob({
    type: 'short',
    payload: z.object({}),
    run: (_payload, { jobId }) => this.run(jobId),
  });

  constructor(private readonly holdsWhenAhead: boolean) {}

  private async run(jobId: number): Promise<void> {
    this.begun.add(jobId);
    this.mostRunning = Math.max(this.mostRunning, ++this.running);
    await wait(5);
    // What came with a claim in this very moment has then been given its slot.
    await turn();
    if (this.holdsWhenAhead && claimed > this.begun.size) this.isHeld = true;
    if (this.isHeld) await this.opened;
    this.running--;
  }
}

async function work(runs: Runs, settings: Partial<WorkerSettings> = {}): Promise<Worker> {
  const { installation } = db;
  const worker = createWorker({ installation, jobs: [runs.job], concurrency: CONCURRENCY, ...settings });
  workers.push(worker);
  await worker.start();
  return worker;
}
const submit = (runs: Runs) =>
  client.submitMany(
    runs.job,
    Array.from({ length: JOBS }, () => ({})),
  );
/** Claimed, and not begun. */
async function readWaiting({ begun }: Runs): Promise<number[]> {
  const rows = await db.sql<{ id: number }>(`SELECT id FROM jobs WHERE status = 'running' ORDER BY id`);
  return rows.map(({ id }) => id).filter((id) => !begun.has(id));
}
const count = async (what: string) =>
  (await db.sql<{ n: number }>(`SELECT count(*)::int AS n FROM ${what}`))[0]!.n;
const allCompleted = () =>
  eventually('all are completed', async () => (await count(`jobs WHERE status = 'completed'`)) === JOBS);

/** The first in the lane, of which ids leave on the right; everything where there is no Redis. */
async function readNextInRedis(): Promise<number[]> {
  const { lanes } = db.installation;
  if (!lanes) return (await db.sql<{ id: number }>('SELECT id FROM jobs')).map(({ id }) => id);
  const keys = lanes.keys('default');
  const handoff = await lanes.connection.lrange(keys.handoff, 0, -1);
  const lane = await lanes.connection.lrange(keys.lane(50), -500, -1);
  return [...handoff, ...lane].map(Number);
}

test('more are claimed than run, and never do more run than there are slots', async () => {
  const runs = new Runs(true);
  await submit(runs);
  await work(runs);
  await eventually('a job waits for its slot', () => runs.isHeld);
  expect(await count(`jobs WHERE status = 'running'`)).toBeGreaterThan(CONCURRENCY);
  runs.isHeld = false;
  runs.open();
  await allCompleted();
  expect(runs.mostRunning).toBe(CONCURRENCY);
  expect(await db.sql('SELECT DISTINCT attempt, status FROM job_executions')).toEqual([
    { attempt: 1, status: 'completed' },
  ]);
});

test('what no slot comes free for goes to another worker, without a charge', async () => {
  const stuck = new Runs(true);
  await submit(stuck);
  await work(stuck);
  await eventually('a job waits for its slot', () => stuck.isHeld);
  await work(new Runs(false));
  await eventually(
    'the rest is completed',
    async () =>
      (await count(`jobs WHERE status = 'pending'`)) === 0 &&
      (await count(`jobs WHERE status = 'running'`)) === CONCURRENCY,
  );
  stuck.open();
  await allCompleted();
  expect(await count(`job_executions WHERE status = 'released'`)).toBeGreaterThan(0);
  expect(await count(`job_executions WHERE status NOT IN ('released', 'completed')`)).toBe(0);
  expect(await count('jobs WHERE retry_count > 0 OR lost_count > 0')).toBe(0);
});

test('a worker that stops lets go of what has not begun, which is next again, and finishes what has', async () => {
  const runs = new Runs(true);
  await submit(runs);
  const worker = await work(runs);
  await eventually('a job waits for its slot', () => runs.isHeld);
  const stopped = worker.stop();
  await eventually(
    'only what has begun is left',
    async () => (await count(`jobs WHERE status = 'running'`)) === CONCURRENCY,
  );
  const released = await db.sql<{ id: number }>(
    `SELECT job_id AS id FROM job_executions WHERE status = 'released' AND error_message = 'its worker stopped before it began'`,
  );
  expect(released.length).toBeGreaterThan(0);
  runs.open();
  await stopped;
  expect(await count(`jobs WHERE status = 'running'`)).toBe(0);
  expect(await count(`jobs WHERE status = 'completed'`)).toBe(runs.begun.size);

  expect(await readNextInRedis()).toEqual(expect.arrayContaining(released.map(({ id }) => id)));
});

test('a job that is cancelled while it waits for its slot never begins', async () => {
  const runs = new Runs(true);
  await submit(runs);
  await work(runs);
  await eventually('a job waits for its slot', () => runs.isHeld);
  const waiting = await readWaiting(runs);
  expect(waiting).not.toEqual([]);
  for (const id of waiting) await client.cancel(id);
  // One that had been given up before is forgotten after a minute.
  await eventually('the worker knows', async () => (await count('cancel_requests')) === 0, 90_000);
  runs.isHeld = false;
  runs.open();
  await eventually(
    'the rest is completed',
    async () => (await count('jobs WHERE completed_at IS NULL')) === 0,
  );
  expect(waiting.filter((id) => runs.begun.has(id))).toEqual([]);
  expect(await count(`jobs WHERE status = 'cancelled'`)).toBe(waiting.length);
}, 120_000);

test('a worker that was declared dead begins nothing of what it had claimed', async () => {
  const runs = new Runs(true);
  await submit(runs);
  await work(runs, { heartbeatIntervalMs: 50, abortGraceMs: 50 });
  await eventually('a job waits for its slot', () => runs.isHeld);
  const waiting = await readWaiting(runs);
  expect(waiting).not.toEqual([]);
  await db.sql('UPDATE workers SET dead_at = now()');
  // Its handlers do not listen, and are given up.
  await eventually('it has come back', async () => (await count('workers WHERE dead_at IS NULL')) === 1);
  runs.isHeld = false;
  runs.open();
  await eventually('the rest is completed', async () => (await count(`jobs WHERE status = 'pending'`)) === 0);
  expect(waiting.filter((id) => runs.begun.has(id))).toEqual([]);
});
