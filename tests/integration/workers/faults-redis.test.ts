import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { startServers } from '../../../servers/start-servers.js';
import { createClient, type Client } from '../../../shared/client/create-client.js';
import { openInstallation } from '../../../shared/installation.js';
import { sweepQueue } from '../../../shared/jobs/sweep-jobs.js';
import { createEventHub } from '../../../shared/observe/events.js';
import { createWorker } from '../../../workers/create-worker.js';
import { eventually } from '../../support/eventually.js';
import { createTestInstallation, hasRedis } from '../../support/test-installation.js';
import { actJob } from '../../support/test-jobs.js';

/** A Redis that takes nothing in, and one that is full of ids which nobody here can use. */
const db = await createTestInstallation();
const client = await createClient(db);
const echo = actJob('echo', (payload) => payload);
const other = actJob('other', (payload) => payload);
const stopping: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  await db.sql('TRUNCATE jobs, job_executions, job_dependencies, claim_batches, workers, queues');
  await db.forgetKeys();
});
afterEach(async () => {
  for (const stop of stopping.splice(0).reverse()) await stop();
});
afterAll(() => db.close());

async function work(
  job = echo,
  { installation = db.installation, queue = 'default', pollIntervalMs = 60_000 } = {},
): Promise<void> {
  const worker = createWorker({ installation, jobs: [job], queues: [queue], concurrency: 5, pollIntervalMs });
  stopping.push(() => worker.stop());
  await worker.start();
}
const submit = (count: number, job = echo, submitter: Client = client) =>
  submitter.submitMany(
    job,
    Array.from({ length: count }, (_, n) => ({ n })),
  );
const completed = (count: number, queue = 'default') =>
  eventually(`${count} jobs are completed`, async () => {
    const [row] = await db.sql<{ n: number }>(
      `SELECT count(*) AS n FROM jobs WHERE status = 'completed' AND queue = $1`,
      [queue],
    );
    return row!.n === count;
  });

/**
 * A clock that beats at the pace of this machine: so many jobs, one after another, by a healthy worker of another queue.
 * What spins meanwhile does several rounds for each of them; what rests does far fewer than one.
 */
async function beat(times: number): Promise<void> {
  for (let n = 0; n < times; n++) await client.result((await client.submit(echo, {}, { queue: 'clock' })).id);
}
const BEATS = 100;

const describeWithRedis = hasRedis ? describe : describe.skip;

describeWithRedis('a Redis that is full', () => {
  async function startFullRedis() {
    const servers = await startServers({ postgres: 'auto' });
    stopping.push(() => servers.stop());
    const redis = new Redis(servers.redisUrl!);
    stopping.push(() => redis.quit());
    const events = createEventHub();
    const installation = await openInstallation({
      postgres: { connectionString: db.connectionString },
      redis: { url: servers.redisUrl! },
      events,
    });
    stopping.push(() => installation.close());
    const countCommands = async () => {
      const stats = await redis.info('commandstats');
      const counts = stats.matchAll(/:calls=(\d+).*rejected_calls=(\d+)/g);
      return [...counts].reduce((sum, [, calls, rejected]) => sum + Number(calls) + Number(rejected), 0);
    };
    const limit = (bytes: number) => redis.config('SET', 'maxmemory', bytes);
    return { installation, events, countCommands, limit };
  }

  test('is gone around without a hot loop, and used again when it has room', async () => {
    const { installation, events, countCommands, limit } = await startFullRedis();
    const submitter = await createClient({ installation });
    let polled = 0;
    events.on('polled', () => polled++);
    let outages = 0;
    events.on('redisAway', () => outages++);
    await work(echo, { installation });
    await work(echo, { queue: 'clock' });
    await submit(10, echo, submitter);
    await completed(10);
    expect(polled).toBe(0);

    await limit(1);
    await submit(100, echo, submitter);
    await completed(110);
    expect(polled).toBeGreaterThan(0);
    const before = await countCommands();
    await beat(BEATS);
    expect((await countCommands()) - before).toBeLessThan(5 * BEATS);
    // Told once, although it answers PING all the time.
    expect(outages).toBe(1);

    await limit(0);
    const runOne = async () => submitter.result((await submit(1, echo, submitter))[0]!.id);
    await eventually('Redis carries a job', async () => {
      const polledBefore = polled;
      await runOne();
      return polled === polledBefore;
    });
    const polledBefore = polled;
    for (let n = 0; n < 10; n++) await runOne();
    expect(polled).toBe(polledBefore);
    expect(await db.sql('SELECT DISTINCT attempt FROM job_executions')).toEqual([{ attempt: 1 }]);
  }, 60_000);
});

describeWithRedis('ids that this worker cannot use', () => {
  /** Rounds in which a claim got nothing, while the clock beats. */
  async function countMisses(): Promise<number> {
    let misses = 0;
    const count = () => misses++;
    db.installation.events.on('claimMissed', count);
    await beat(BEATS);
    db.installation.events.off('claimMissed', count);
    return misses;
  }

  test('because their queue is paused make no hot loop, and run after the resume', async () => {
    await submit(10);
    await db.sql(`INSERT INTO queues (name, paused_at) VALUES ('default', now())`);
    await work(echo, { queue: 'clock' });
    await work(echo, { pollIntervalMs: 100 });
    expect(await countMisses()).toBeLessThan(BEATS / 2);
    expect(
      await db.sql(`SELECT status, attempt, count(*) AS n FROM jobs WHERE queue = 'default' GROUP BY 1, 2`),
    ).toEqual([{ status: 'pending', attempt: 0, n: 10 }]);
    await db.sql('UPDATE queues SET paused_at = NULL');
    await completed(10);
  });

  test('because another worker has their type go round without a hot loop, and run when that one takes them', async () => {
    // It is registered, and busy.
    await db.sql(`INSERT INTO workers (id, hostname, pid, version, queues, job_types, concurrency, dead_after_ms)
                  VALUES ('w-other', 'h', 1, '0', '{default}', '{other}', 1, 600000)`);
    await submit(30, other);
    await work(echo, { queue: 'clock' });
    await work(echo);
    const misses = await countMisses();
    expect(misses).toBeGreaterThan(0);
    expect(misses).toBeLessThan(BEATS / 2);
    expect(
      await db.sql(
        `SELECT status, attempt, set_aside_at, count(*) AS n FROM jobs WHERE queue = 'default' GROUP BY 1, 2, 3`,
      ),
    ).toEqual([{ status: 'pending', attempt: 0, set_aside_at: null, n: 30 }]);
    await work(other);
    await completed(30);
  });

  test('do not keep it from its own behind them', async () => {
    await db.sql(`INSERT INTO workers (id, hostname, pid, version, queues, job_types, concurrency, dead_after_ms)
                  VALUES ('w-other', 'h', 1, '0', '{default}', '{other}', 1, 600000)`);
    await submit(1_000, other);
    await work(echo, { pollIntervalMs: 1_000 });
    const { id } = (await submit(1))[0]!;
    await client.result(id, { timeoutMs: 15_000 });
  });
});

describeWithRedis('a sweep', () => {
  test('looks behind more than five hundred useless ids, drops them, and puts back what is missing', async () => {
    const lanes = db.installation.lanes!;
    const keys = lanes.keys('default');
    const lane = () => lanes.connection.lrange(keys.lane(50), 0, -1);
    const deleted = await submit(400);
    const finished = await submit(400);
    const jobs = await submit(20);
    await eventually('all are pushed', async () => (await lane()).length === 819);
    await lanes.connection.rpush(keys.lane(50), ...Array.from({ length: 300 }, (_, n) => `not an id ${n}`));
    const idsOf = (some: readonly { id: number }[]) => some.map(({ id }) => id);
    await db.sql('DELETE FROM jobs WHERE id = ANY ($1)', [idsOf(deleted)]);
    await db.sql(`UPDATE jobs SET status = 'completed', completed_at = now() WHERE id = ANY ($1)`, [
      idsOf(finished),
    ]);
    // What is younger may still be on its way.
    await db.sql(`UPDATE jobs SET created_at = created_at - interval '1 minute'`);
    const [missing, ...present] = idsOf(jobs);
    await lanes.connection.lrem(keys.lane(50), 0, String(missing));
    await lanes.connection.set(keys.epoch, '1');

    expect(await sweepQueue(db.installation, 'default', ['echo'], new Set())).toBe(1);
    // The handoff holds the very first, which was deleted.
    expect((await lane()).map(Number).reverse()).toEqual([missing, ...present]);
    expect(await sweepQueue(db.installation, 'default', ['echo'], new Set())).toBe(0);
    await work();
    await eventually(
      'all of them run',
      async () => (await db.sql('SELECT 1 FROM job_executions')).length === 20,
    );
  });
});
