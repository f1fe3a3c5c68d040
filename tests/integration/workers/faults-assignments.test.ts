import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { startServers, type Servers } from '../../../servers/start-servers.js';
import { createClient } from '../../../shared/client/create-client.js';
import { openInstallation, type Installation } from '../../../shared/installation.js';
import type { Offers } from '../../../shared/redis/offers.js';
import { Coordinator } from '../../../workers/coordinator/coordinator.js';
import { createWorker } from '../../../workers/create-worker.js';
import { eventually } from '../../support/eventually.js';
import { forkWorker } from '../../support/fork-worker.js';
import { createTestInstallation, hasRedis } from '../../support/test-installation.js';
import { actJob } from '../../support/test-jobs.js';

/** A submit claims a job for a worker that waits, and then something happens to the worker, or to Redis. */
const db = await createTestInstallation();
const describeWithRedis = hasRedis ? describe : describe.skip;
const act = actJob('act', () => undefined);
const stopping: (() => Promise<unknown>)[] = [];
let servers: Servers;
/** Of a submitter: another process. */
let submitter: Installation;

beforeEach(async () => {
  servers = await startServers({ postgres: 'auto' });
  stopping.push(() => servers.stop());
  submitter = await open();
});
afterEach(async () => {
  for (const stop of stopping.splice(0).reverse()) await stop();
  await db.sql('TRUNCATE jobs, job_executions, job_dependencies, dead_letter_jobs, claim_batches, workers');
});
afterAll(() => db.close());

async function open(): Promise<Installation> {
  const installation = await openInstallation({
    postgres: { connectionString: db.connectionString },
    redis: { url: servers.redisUrl! },
  });
  stopping.push(() => installation.close());
  return installation;
}
async function work(concurrency: number) {
  const worker = createWorker({ installation: await open(), jobs: [act], concurrency });
  stopping.push(() => worker.stop());
  await worker.start();
  return worker;
}
const offers = () => submitter.lanes!.offers as Offers;
const offered = () =>
  eventually('it offers', async () => {
    const lanes = submitter.lanes!;
    return (await lanes.connection.llen(lanes.keys('default').offers)) > 0;
  });
/** Its submitter dies between the commit and the message. */
async function submitAndDie(): Promise<number> {
  offers().send = () => new Promise(() => undefined);
  return submit('act');
}
async function submit(type: string): Promise<number> {
  const client = await createClient({ installation: submitter });
  // As a submitter does that has pushed before.
  offers().note('default', 1);
  const { id } = await client.submit(
    actJob(type, () => undefined),
    {},
  );
  const [row] = await db.sql<{ isClaimed: boolean }>(
    'SELECT created_at = started_at AS "isClaimed" FROM jobs WHERE id = $1',
    [id],
  );
  expect(row?.isClaimed).toBe(true);
  return id;
}
const attempts = async (id: number) =>
  (
    await db.sql<{ status: string }>('SELECT status FROM job_executions WHERE job_id = $1 ORDER BY attempt', [
      id,
    ])
  ).map(({ status }) => status);
const completed = (id: number) =>
  eventually(`job ${id} completes`, async () => (await attempts(id)).includes('completed'));

describeWithRedis('a job that was claimed for a worker', () => {
  test('which did not hear of it and is never idle again is released', async () => {
    await work(400);
    await offered();
    const id = await submitAndDie();
    let isBusy = true;
    const keepBusy = async () => {
      // Of no job: each take finds some, so that it never waits, and never so many that it needs all its slots.
      while (isBusy) await submitter.lanes!.push('default', [{ id: 999_999_999, priority: 50 }]);
    };
    const fed = keepBusy();
    await completed(id);
    isBusy = false;
    await fed;
    expect(await attempts(id)).toEqual(['released', 'completed']);
  });

  test('which did not hear of it because Redis went away is released and runs without Redis', async () => {
    await work(10);
    await offered();
    const id = await submitAndDie();
    await servers.redis!.kill();
    await completed(id);
    expect(await attempts(id)).toEqual(['released', 'completed']);
  });

  test('which stopped before it heard of it is released', async () => {
    const worker = await work(10);
    await offered();
    const id = await submitAndDie();
    await worker.stop();
    expect(await attempts(id)).toEqual(['released']);
  });

  test('which was frozen, and goes on after its death, does not begin here', async () => {
    const addresses = { connectionString: db.connectionString, redisUrl: servers.redisUrl };
    const frozen = await forkWorker('worker-process', addresses);
    stopping.push(() => frozen.kill());
    await offered();
    const coordinator = new Coordinator({ installation: await open() });
    stopping.push(() => coordinator.stop());
    await coordinator.start();
    frozen.child.kill('SIGSTOP');
    const id = await submit('forever');
    const other = await forkWorker('worker-process', addresses);
    stopping.push(() => other.kill());
    await eventually('it runs elsewhere', () => other.said.some(({ event }) => event === 'running'));
    expect(await attempts(id)).toEqual(['lost']);

    frozen.child.kill('SIGCONT');
    await eventually('it begins another life', async () => {
      const lives = await db.sql('SELECT 1 FROM workers WHERE pid = $1 AND id <> $2', [
        frozen.child.pid,
        frozen.id,
      ]);
      return lives.length > 0;
    });
    expect(frozen.said.filter(({ event }) => event === 'running')).toEqual([]);
  });
});
