import { afterAll, expect, test } from '@jest/globals';
import { createClient } from '../../../shared/client/create-client.js';
import { createWorker } from '../../../workers/create-worker.js';
import { eventually } from '../../support/eventually.js';
import { createTestInstallation } from '../../support/test-installation.js';
import { HeldRuns } from '../../support/test-jobs.js';

/** Rows of running jobs that somebody's transaction holds. */
const db = await createTestInstallation();
afterAll(() => db.close());

test('keep no other outcome from being recorded, and are settled when they are free', async () => {
  const held = new HeldRuns();
  const client = await createClient(db);
  const worker = createWorker({ installation: db.installation, jobs: [held.job], concurrency: 4 });
  await worker.start();
  const jobs = await client.submitMany(held.job, [{}, {}, {}, {}]);
  const runs = await Promise.all([0, 1, 2, 3].map((index) => held.run(index)));
  const runOf = (index: number) => runs.find(({ ctx }) => ctx.jobId === jobs[index]!.id)!;
  const statusOf = async (index: number) =>
    db.sql('SELECT status FROM jobs WHERE id = $1', [jobs[index]!.id]);

  const waitingSettles = async () =>
    (
      await db.sql(
        `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
      )
    ).length;

  await db.installation.db.transaction(async (tx) => {
    await tx.query('SELECT 1 FROM jobs WHERE id = ANY ($1::bigint[]) FOR UPDATE', [
      jobs.slice(0, 3).map(({ id }) => id),
    ]);
    // Each in a batch of its own: as many of them as may be under way at once.
    for (const index of [0, 1, 2]) {
      runOf(index).end('held');
      await eventually(
        'its settle waits for the row',
        async () => (await waitingSettles()) > index || index === 2,
      );
    }
    runOf(3).end('free');
    expect(await client.result(jobs[3]!.id)).toBe('free');
    expect(await statusOf(0)).toEqual([{ status: 'running' }]);
  });
  for (const { id } of jobs.slice(0, 3)) expect(await client.result(id)).toBe('held');
  await worker.stop();
});

test('are no burden, many as they may be: the free one among them is recorded, and what comes next', async () => {
  const held = new HeldRuns();
  const client = await createClient(db);
  const worker = createWorker({ installation: db.installation, jobs: [held.job], concurrency: 100 });
  await worker.start();
  const jobs = await client.submitMany(held.job, Array<Record<string, never>>(99).fill({}));
  const runs = await Promise.all(jobs.map((_, index) => held.run(index)));
  const ids = jobs.map(({ id }) => id);
  const free = ids.pop()!;
  await db.installation.db.transaction(async (tx) => {
    await tx.query('SELECT 1 FROM jobs WHERE id = ANY ($1::bigint[]) FOR UPDATE', [ids]);
    for (const run of runs) run.end('ended');
    expect(await client.result(free)).toBe('ended');
    const next = await client.submit(held.job, {});
    (await held.run(99)).end('next');
    expect(await client.result(next.id)).toBe('next');
  });
  for (const id of ids) expect(await client.result(id)).toBe('ended');
  await worker.stop();
});

test('of children that wait for a finished job keep nothing else waiting, and run when they are free', async () => {
  const held = new HeldRuns();
  const client = await createClient(db);
  const worker = createWorker({ installation: db.installation, jobs: [held.job], concurrency: 10 });
  await worker.start();
  const parents = await client.submitMany(held.job, [{}, {}, {}]);
  const childOf = (index: number) =>
    client.submit(held.job, {}, { dependsOn: [{ jobId: parents[index]!.id }] });
  const children = [await childOf(0), await childOf(1), await childOf(2)];
  const runs = await Promise.all([0, 1, 2].map((index) => held.run(index)));
  const runOf = (index: number) => runs.find(({ ctx }) => ctx.jobId === parents[index]!.id)!;
  await db.installation.db.transaction(async (tx) => {
    await tx.query('SELECT 1 FROM jobs WHERE id = $1 FOR UPDATE', [children[0]!.id]);
    for (const index of [0, 1, 2]) runOf(index).end('parent');
    for (const { id } of parents) expect(await client.result(id)).toBe('parent');
    const freed = [await held.run(3), await held.run(4)];
    expect(freed.map(({ ctx }) => ctx.jobId).sort()).toEqual([children[1]!.id, children[2]!.id].sort());
    for (const run of freed) run.end();
  });
  (await held.run(5)).end('child');
  expect(await client.result(children[0]!.id)).toBe('child');
  await worker.stop();
});
