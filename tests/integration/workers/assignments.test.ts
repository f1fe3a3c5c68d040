import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createClient } from '../../../shared/client/create-client.js';
import { openInstallation, type Installation } from '../../../shared/installation.js';
import type { Lanes } from '../../../shared/redis/lanes.js';
import type { Offers } from '../../../shared/redis/offers.js';
import { createWorker } from '../../../workers/create-worker.js';
import type { Service } from '../../../shared/lifecycle/service.js';
import { eventually } from '../../support/eventually.js';
import { createTestInstallation, hasRedis } from '../../support/test-installation.js';
import { actJob, HeldRuns } from '../../support/test-jobs.js';

/** A worker that waits for jobs lets submitters claim them in its name. */
const db = await createTestInstallation();
const describeWithRedis = hasRedis ? describe : describe.skip;
const lanes = db.installation.lanes as Lanes;
const stopping: Service[] = [];
let held: HeldRuns;
/** Of a submitter: another process. */
let submitter: Installation;

beforeEach(async () => {
  // A submitter may give back what a worker that has stopped had offered.
  await lanes?.connection.del(lanes.keys('default').offers);
  held = new HeldRuns();
  submitter = await openInstallation({
    postgres: { connectionString: db.connectionString },
    redis: db.redisUrl === null ? null : { url: db.redisUrl },
  });
});
afterEach(async () => {
  held.endAll();
  for (const service of stopping.splice(0).reverse()) await service.stop();
  await submitter.close();
  await db.sql('TRUNCATE jobs, job_executions, job_dependencies, claim_batches, workers');
});
afterAll(() => db.close());

async function work(concurrency: number, act: () => unknown = () => undefined) {
  const jobs = [held.job, actJob('act', act)];
  const worker = createWorker({ installation: db.installation, jobs, concurrency, pollIntervalMs: 100 });
  stopping.push(worker);
  await worker.start();
  return worker;
}
const offered = () => lanes.connection.lrange(lanes.keys('default').offers, 0, -1);
const offeredJobs = async () => (await offered()).map((entry) => Number(entry.split(':')[1]));
const isFull = async () => (await offered()).length === 4;
async function submit(n: number): Promise<number> {
  const client = await createClient({ installation: submitter });
  return (
    await client.submit(
      actJob('act', () => undefined),
      { n },
    )
  ).id;
}
/** As a submitter is that has pushed before. */
const know = () => (submitter.lanes?.offers as Offers).note('default', 1);
const attempts = (id: number) =>
  db.sql('SELECT attempt, status FROM job_executions WHERE job_id = $1 ORDER BY attempt', [id]);
const completed = (id: number) =>
  eventually(`job ${id} completes`, async () => {
    const found = await db.sql(`SELECT 1 FROM jobs WHERE id = $1 AND status = 'completed'`, [id]);
    return found.length === 1;
  });
const wasAssigned = async (id: number) => {
  const [row] = await db.sql<{ is: boolean }>(
    'SELECT created_at = started_at AS is FROM jobs WHERE id = $1',
    [id],
  );
  return row?.is;
};

describeWithRedis('a worker that waits', () => {
  test('offers its slots but one, and runs what is claimed for it', async () => {
    await work(10);
    await eventually('it offers', isFull);
    const places = (await offeredJobs()).reduce((sum, count) => sum + count, 0);
    expect([places >= 4, places <= 9]).toEqual([true, true]);
    know();
    let assigned = 0;
    const count = (event: { count: number }) => void (assigned += event.count);
    db.installation.events.on('assigned', count);
    const ids = [await submit(1), await submit(2), await submit(3)];
    for (const id of ids) await completed(id);
    expect(await Promise.all(ids.map(wasAssigned))).toEqual([true, true, true]);
    expect(await Promise.all(ids.map(attempts))).toEqual(
      ids.map(() => [{ attempt: 1, status: 'completed' }]),
    );
    expect(assigned).toBe(3);
    db.installation.events.off('assigned', count);
    await eventually('it offers again', isFull);
    await eventually(
      'no claim is left',
      async () => (await db.sql('SELECT 1 FROM claim_batches')).length === 0,
    );
  });

  test('takes its offers back when it needs the slots, and when it stops', async () => {
    const worker = await work(4);
    await eventually('it offers', async () => (await offered()).length > 0);
    const client = await createClient({ installation: submitter });
    await client.submitMany(
      held.job,
      Array.from({ length: 20 }, () => ({})),
    );
    await held.run(3);
    expect(await offered()).toEqual([]);
    const stopped = worker.stop();
    held.endAll();
    await stopped;
    expect([held.count, await offered()]).toEqual([4, []]);
  });

  test('of one slot offers nothing', async () => {
    await work(1);
    const id = await submit(1);
    await completed(id);
    expect(await offered()).toEqual([]);
  });

  test('releases what was claimed for it and never told', async () => {
    await work(10);
    await eventually('it offers', isFull);
    know();
    const offers = submitter.lanes?.offers as Offers;
    // As if the submitter had died between its commit and the message.
    offers.send = () => new Promise(() => undefined);
    const id = await submit(1);
    await completed(id);
    expect(await attempts(id)).toEqual([
      { attempt: 1, status: 'released' },
      { attempt: 2, status: 'completed' },
    ]);
    await eventually('it offers as many as before', isFull);
  });

  test('releases what it is told too late', async () => {
    await work(10);
    await eventually('it offers', isFull);
    know();
    const offers = submitter.lanes?.offers as Offers;
    const send = offers.send.bind(offers);
    let tell: () => Promise<boolean> = async () => false;
    offers.send = (...message) =>
      new Promise((resolve) => (tell = () => send(...message).finally(() => resolve(true))));
    const id = await submit(1);
    const isVoid = async () => (await attempts(id)).length > 0;
    await eventually('the offer is void', isVoid);
    await tell();
    await completed(id);
    expect((await attempts(id)).map(({ status }) => status)).toEqual(['released', 'completed']);
  });

  test('offers again after Redis forgot', async () => {
    await work(10);
    await eventually('it offers', isFull);
    await lanes.connection.del(lanes.keys('default').offers);
    await eventually('it offers again', isFull);
    know();
    const id = await submit(1);
    await completed(id);
    expect(await wasAssigned(id)).toBe(true);
  });

  test('offers nothing after a handler has held up its event loop', async () => {
    await work(10, () => {
      const until = performance.now() + 700;
      while (performance.now() < until);
    });
    await eventually('it offers', isFull);
    know();
    await completed(await submit(1));
    await eventually('no offer is left', async () => (await offered()).length === 0);
  });
});
