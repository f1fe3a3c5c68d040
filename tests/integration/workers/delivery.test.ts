import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createClient, type Client } from '../../../shared/client/create-client.js';
import { createEventHub } from '../../../shared/observe/events.js';
import { openInstallation, type Installation } from '../../../shared/installation.js';
import { startServers } from '../../../servers/start-servers.js';
import { Coordinator } from '../../../workers/coordinator/coordinator.js';
import { createWorker, type Worker } from '../../../workers/create-worker.js';
import { eventually } from '../../support/eventually.js';
import { createTestInstallation, hasRedis, type TestInstallation } from '../../support/test-installation.js';
import { actJob } from '../../support/test-jobs.js';

/** Every way a job comes to a worker, also when what should carry it is gone. */
const describeWithRedis = hasRedis ? describe : describe.skip;
const echo = actJob('echo', (payload) => payload);
const db: TestInstallation = await createTestInstallation();
const client: Client = await createClient(db);
const stopping: { stop(): Promise<void> }[] = [];
beforeEach(async () => {
  await db.sql('TRUNCATE jobs, job_executions, job_dependencies, claim_batches, workers');
  await db.forgetKeys();
});
afterEach(async () => {
  for (const service of stopping.splice(0).reverse()) await service.stop();
});
afterAll(() => db.close());

async function work(
  installation: Installation = db.installation,
  jobs = [echo],
  options = {},
): Promise<Worker> {
  const worker = createWorker({ installation, jobs, concurrency: 20, ...options });
  stopping.push(worker);
  await worker.start();
  return worker;
}
async function coordinate(installation: Installation = db.installation): Promise<Coordinator> {
  const coordinator = new Coordinator({ installation });
  stopping.push(coordinator);
  await coordinator.start();
  await eventually('somebody leads', () => coordinator.isLeading);
  return coordinator;
}
const completed = (count: number) =>
  eventually(`${count} jobs are completed`, async () => {
    const [row] = await db.sql<{ n: number }>(`SELECT count(*) AS n FROM jobs WHERE status = 'completed'`);
    return row!.n === count;
  });
const executions = () => db.sql('SELECT count(*) AS n, count(DISTINCT job_id) AS jobs FROM job_executions');

describe('a job submitted by SQL', () => {
  test('is announced and runs, one by one or by the thousand; a rolled-back one never does', async () => {
    await coordinate();
    await work();
    await db.sql(`INSERT INTO jobs (job_type, payload) VALUES ('echo', '{"n": 1}')`);
    await completed(1);
    await db.sql(`INSERT INTO jobs (job_type) SELECT 'echo' FROM generate_series(1, 2500)`);
    await completed(2_501);
    await expect(
      db.installation.db.transaction(async (tx) => {
        await tx.query(`INSERT INTO jobs (job_type) VALUES ('echo')`);
        await client.submit(echo, {}, { tx });
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    const { id } = await db.installation.db.transaction((tx) => client.submit(echo, { in: 'tx' }, { tx }));
    expect(await client.result(id)).toEqual({ in: 'tx' });
    expect(await executions()).toEqual([{ n: 2_502, jobs: 2_502 }]);
  });
});

describe('a job for later', () => {
  test('starts when it is due, not before', async () => {
    await coordinate();
    await work();
    const delays = [0, 60, 150, 300, 450];
    const jobs = await Promise.all(delays.map((delayMs) => client.submit(echo, {}, { delayMs })));
    await Promise.all(jobs.map(({ id }) => client.result(id)));
    const early = await db.sql(
      'SELECT id FROM jobs WHERE scheduled_at IS NOT NULL AND started_at < scheduled_at',
    );
    expect(early).toEqual([]);
  });
});

describe('children', () => {
  test('run after all their parents, once, also when parents end at the same time', async () => {
    await coordinate();
    await work();
    const parents = await client.submitMany(
      echo,
      Array.from({ length: 20 }, () => ({})),
      { delayMs: 100 },
    );
    const dependsOn = parents.map(({ id }) => ({ jobId: id }));
    const join = await client.submit(echo, { join: true }, { dependsOn });
    const chain = await client.submit(echo, { chain: true }, { dependsOn: [{ jobId: join.id }] });
    expect(await client.result(chain.id)).toEqual({ chain: true });
    const wrong = await db.sql(`
      SELECT d.* FROM job_dependencies d JOIN job_executions c ON c.job_id = d.job_id
        JOIN job_executions p ON p.job_id = d.depends_on_job_id WHERE c.started_at < p.finished_at`);
    expect(wrong).toEqual([]);
    expect(await executions()).toEqual([{ n: 22, jobs: 22 }]);
  });

  test('added while their parent completes are never left blocked', async () => {
    await coordinate();
    await work();
    const races = Array.from({ length: 300 }, async () => {
      const parent = await client.submit(echo, {});
      return client.submit(echo, {}, { dependsOn: [{ jobId: parent.id }] });
    });
    await Promise.all((await Promise.all(races)).map(({ id }) => client.result(id)));
    expect(await executions()).toEqual([{ n: 600, jobs: 600 }]);
  });
});

describe('a type that nobody handles', () => {
  test('is set aside with its reason, and runs when a worker that knows it comes', async () => {
    const novel = actJob('novel', () => 'known now');
    await coordinate();
    await work();
    const jobs = await client.submitMany(
      novel,
      Array.from({ length: 30 }, () => ({})),
    );
    if (hasRedis) {
      await eventually(
        'they are set aside',
        async () => (await db.sql('SELECT 1 FROM jobs WHERE set_aside_at IS NULL')).length === 0,
      );
    }
    expect((await client.get(jobs[0]!.id))?.reason).toBe('no worker handles this type (novel)');
    await work(db.installation, [novel]);
    await completed(30);
  });
});

describe('queues that share slots', () => {
  test('are all served, also when there are fewer slots than queues', async () => {
    let running = 0;
    let most = 0;
    const slow = actJob('slow', async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running--;
    });
    const queues = ['one', 'two', 'three', 'four'];
    await work(db.installation, [slow], { queues, concurrency: 2, pollIntervalMs: 60_000 });
    for (const queue of queues)
      await client.submitMany(
        slow,
        Array.from({ length: 25 }, () => ({})),
        { queue },
      );
    await completed(100);
    expect(most).toBeLessThanOrEqual(2);
  });
});

describe('without Redis at all', () => {
  test('workers claim from PostgreSQL directly', async () => {
    const alone = await openInstallation({
      postgres: { connectionString: db.connectionString },
      redis: null,
    });
    stopping.push({ stop: () => alone.close() });
    await coordinate(alone);
    await work(alone);
    const jobs = await client.submitMany(
      echo,
      Array.from({ length: 200 }, (_, n) => ({ n })),
    );
    expect(await client.result(jobs[199]!.id)).toEqual({ n: 199 });
    await completed(200);
    expect(await executions()).toEqual([{ n: 200, jobs: 200 }]);
  });
});

describeWithRedis('with Redis', () => {
  const keys = () => db.installation.lanes!.keys('default');
  const redis = () => db.installation.lanes!.connection;

  test('three workers share the work, each job once, and Redis is empty at rest', async () => {
    await Promise.all([work(), work(), work()]);
    await client.submitMany(
      echo,
      Array.from({ length: 3_000 }, (_, n) => ({ n })),
    );
    await completed(3_000);
    expect(await executions()).toEqual([{ n: 3_000, jobs: 3_000 }]);
    await eventually('no id is left in Redis', async () => {
      const lists = (await redis().keys(`${keys().base}*`)).filter((key) =>
        /lane:|handoff|processing/.test(key),
      );
      return lists.length === 0;
    });
  });

  test('garbage and duplicates in the lists are dropped and counted', async () => {
    let garbage = 0;
    db.installation.events.on('garbageDropped', ({ count }) => (garbage += count));
    await redis().lpush(keys().lane(50), 'rm -rf', '', '-1', '12.5', '99999999999999999999');
    await redis().zadd(keys().lanes, 50, '50');
    const { id } = await client.submit(echo, {});
    await db.installation.lanes!.push('default', [
      { id, priority: 50 },
      { id, priority: 99 },
    ]);
    await work();
    await client.result(id);
    await eventually('garbage is counted', () => garbage === 5);
    expect(await executions()).toEqual([{ n: 1, jobs: 1 }]);
  });

  test('what Redis forgot runs as soon as a worker is idle, without any coordinator', async () => {
    await client.submitMany(
      echo,
      Array.from({ length: 50 }, () => ({})),
    );
    await redis().del(keys().lane(50), keys().handoff);
    // Not two jobs for each time that it has waited for Redis.
    await work(db.installation, [echo], { pollIntervalMs: 200, concurrency: 2 });
    await completed(50);
  });

  test('an emptied Redis is filled again from PostgreSQL, urgent lanes first', async () => {
    await coordinate();
    await client.submitMany(
      echo,
      Array.from({ length: 6_000 }, () => ({})),
    );
    await client.submitMany(
      echo,
      Array.from({ length: 3 }, () => ({})),
      { priority: 99 },
    );
    // Somebody must serve the queue for it to be worth filling.
    await db.sql(`INSERT INTO workers (id, hostname, pid, version, queues, job_types, concurrency, dead_after_ms)
                  VALUES ('w-other', 'h', 1, '0', '{default}', '{echo}', 1, 600000)`);
    await redis().del(...(await redis().keys(`${keys().base}*`)));
    await eventually('the lanes are full again', async () => {
      const [urgent, normal, handoff] = await Promise.all([
        redis().llen(keys().lane(99)),
        redis().llen(keys().lane(50)),
        redis().llen(keys().handoff),
      ]);
      return urgent + normal + handoff >= 6_003 && (await redis().exists(keys().epoch)) === 1;
    });
  });

  test('ids that are missing from a backlog are found and put to the front', async () => {
    await db.sql(`INSERT INTO workers (id, hostname, pid, version, queues, job_types, concurrency, dead_after_ms)
                  VALUES ('w-other', 'h', 1, '0', '{default}', '{echo}', 1, 600000)`);
    await redis().set(keys().epoch, '1');
    const jobs = await client.submitMany(
      echo,
      Array.from({ length: 500 }, () => ({})),
    );
    await db.sql(`UPDATE jobs SET created_at = created_at - interval '1 minute'`);
    await eventually('all are pushed', async () => (await redis().llen(keys().lane(50))) === 499);
    // The first id waits in the handoff; those behind it are gone.
    for (const { id } of jobs.slice(1, 11)) await redis().lrem(keys().lane(50), 1, id);
    await coordinate();
    await eventually('the missing are back', async () => (await redis().llen(keys().lane(50))) === 499);
    const next = await redis().lrange(keys().lane(50), -10, -1);
    expect(next.reverse().map(Number)).toEqual(jobs.slice(1, 11).map(({ id }) => id));
  });

  test('ids that a dead worker had taken, but not claimed, are put back', async () => {
    const { id } = await client.submit(echo, {});
    await db.installation.lanes!.take('default', {
      workerId: 'w-gone',
      count: 1,
      suspects: 0,
      oldest: '',
      forget: 0,
      lastForgotten: '',
    });
    await coordinate();
    await work(db.installation, [echo], { pollIntervalMs: 60_000 });
    await client.result(id);
  });
});

describe('while Redis dies and comes back', () => {
  test('jobs go on being submitted and completed, each once', async () => {
    const servers = await startServers({ postgres: 'auto' });
    stopping.push({ stop: () => servers.stop() });
    if (!servers.redis || servers.redisUrl === null) return;
    const events = createEventHub();
    const redis = { url: servers.redisUrl };
    const installation = await openInstallation({
      postgres: { connectionString: db.connectionString },
      redis,
      events,
    });
    stopping.push({ stop: () => installation.close() });
    const submitter = await createClient({ installation });
    await coordinate(installation);
    await work(installation);
    const submit = () =>
      submitter.submitMany(
        echo,
        Array.from({ length: 300 }, () => ({})),
      );
    await submit();
    const away = new Promise((resolve) => events.once('redisAway', resolve));
    await servers.redis.kill();
    await submit();
    await away;
    await completed(600);
    const back = new Promise((resolve) => events.once('redisBack', () => resolve(undefined)));
    await servers.redis.start();
    await back;
    await submit();
    await completed(900);
    expect(await executions()).toEqual([{ n: 900, jobs: 900 }]);
  }, 60_000);
});
