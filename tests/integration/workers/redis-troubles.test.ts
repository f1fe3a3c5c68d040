import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { openInstallation, type Installation } from '../../../shared/installation.js';
import type { Service } from '../../../shared/lifecycle/service.js';
import { promoteDue } from '../../../shared/jobs/promote-due.js';
import { sweepQueue } from '../../../shared/jobs/sweep-jobs.js';
import { readKnowledge, readOwners } from '../../../shared/redis/lane-contents.js';
import type { Lanes } from '../../../shared/redis/lanes.js';
import { BlockingConnections } from '../../../workers/blocking-connections.js';
import { createSweeper } from '../../../workers/coordinator/sweeper.js';
import { RunningAttempts } from '../../../workers/running-attempts.js';
import { Slots } from '../../../workers/slots.js';
import { Taker } from '../../../workers/taker.js';
import { RecentlyPushed } from '../../../workers/coordinator/recently-pushed.js';
import { eventually } from '../../support/eventually.js';
import { startProxyTo } from '../../support/tcp-proxy.js';
import { createTestInstallation, hasRedis } from '../../support/test-installation.js';

/** What of Redis goes wrong in part: a key of a wrong type makes just the commands on it fail. */
const db = await createTestInstallation();
const lanes = db.installation.lanes as Lanes;
const stopping: Service[] = [];
const describeWithRedis = hasRedis ? describe : describe.skip;
beforeEach(async () => {
  await db.sql('TRUNCATE jobs, job_executions, job_dependencies, queues');
  await db.forgetKeys();
});
afterEach(async () => {
  for (const service of stopping.splice(0).reverse()) await service.stop();
});
afterAll(() => db.close());

const submit = async (queue = 'default') =>
  (
    await db.sql<{ id: number }>(`INSERT INTO jobs (job_type, queue) VALUES ('x', $1) RETURNING id`, [queue])
  )[0]!.id;
const waiting = async (queue = 'default') => {
  const keys = lanes.keys(queue);
  return [
    ...(await lanes.connection.lrange(keys.handoff, 0, -1)),
    ...(await lanes.connection.lrange(keys.lane(50), 0, -1)),
  ];
};
const breakLane = (queue: string) => lanes.connection.set(lanes.keys(queue).lane(50), 'no list');
const mendLane = (queue: string) => lanes.connection.del(lanes.keys(queue).lane(50));

describeWithRedis('a sweep', () => {
  test('that could not push all does not say that Redis was filled', async () => {
    const id = await submit();
    await breakLane('default');
    await expect(sweepQueue(db.installation, 'default', null, new Set())).rejects.toThrow('WRONGTYPE');
    expect(await readKnowledge(lanes, 'default')).not.toBe('known');
    await mendLane('default');
    expect(await sweepQueue(db.installation, 'default', null, new Set())).toBe(1);
    expect(await readKnowledge(lanes, 'default')).toBe('known');
    expect(await waiting()).toEqual([String(id)]);
  });

  test('of a queue that fails keeps no other from being swept', async () => {
    await submit('a-broken');
    const id = await submit('b-fine');
    await breakLane('a-broken');
    const sweeper = createSweeper(db.installation, 'c-1');
    stopping.push(sweeper);
    await sweeper.start();
    await eventually('the other queue is swept', async () => (await waiting('b-fine'))[0] === String(id));
  });
});

describeWithRedis('a promotion', () => {
  test('leaves out the jobs of a paused queue', async () => {
    await db.sql(`INSERT INTO queues (name, paused_at) VALUES ('paused', now())`);
    await db.sql(`INSERT INTO jobs (job_type, queue, scheduled_at)
      VALUES ('x', 'paused', now() - interval '1 second'), ('x', 'default', now() - interval '1 second')`);
    const { count } = await promoteDue(
      db.installation,
      { scheduledAt: '-infinity', id: 0 },
      new RecentlyPushed(1),
    );
    expect(count).toBe(1);
    expect(await waiting('paused')).toEqual([]);
  });
});

describeWithRedis('a taker', () => {
  function createTaker(
    queue = 'default',
    changes: { installation?: Installation; connections?: BlockingConnections } = {},
  ) {
    const connections = changes.connections ?? new BlockingConnections(lanes);
    const slots = new Slots(1);
    const { installation = db.installation } = changes;
    const running = new RunningAttempts();
    stopping.push(connections);
    return {
      slots,
      taker: new Taker({ installation, lanes, connections, queue, slots, running, workerId: 'w-1' }),
    };
  }
  const push = (id: number, queue = 'default') => lanes.push(queue, [{ id, priority: 50 }]);

  test('that looks for stray ids stays on record as the owner of its list', async () => {
    const { taker } = createTaker();
    expect(await taker.take(1)).toEqual([]);
    await lanes.connection.set(lanes.keys('default').handoff, 'no list');
    await expect(taker.waitForOne(1)).rejects.toThrow('WRONGTYPE');
    await lanes.connection.del(lanes.keys('default').handoff);
    await lanes.connection.lpush(lanes.keys('default').processing('w-1'), '7');
    expect(await taker.take(1)).toEqual([7]);
    expect(await readOwners(lanes, 'default')).toEqual(['w-1']);
  });

  test('finds an id that came into its list behind its back, and forgets what it has claimed', async () => {
    const { taker, slots } = createTaker();
    const processing = lanes.keys('default').processing('w-1');
    await push(1);
    const first = await taker.take(1);
    // A pop that was given up, as after an answer that got lost.
    await lanes.connection.lpush(processing, '7');
    taker.forget(first);
    slots.give(1);
    await push(2);
    expect(await taker.take(1)).toEqual([2]);
    expect(await lanes.connection.lrange(processing, 0, -1)).toEqual(['2', '7']);
    slots.give(1);
    const found = await taker.take(1);
    expect(found).toEqual([7, 2]);
    // They stay there until they, too, are claimed.
    expect(await lanes.connection.lrange(processing, 0, -1)).toEqual(['2', '7']);
    taker.forget(found);
    expect(await taker.take(1)).toEqual([]);
    expect(await lanes.connection.exists(processing)).toBe(0);
  });

  test('whose last slot is filled passes the baton on: the next idle worker is woken', async () => {
    const { taker } = createTaker();
    const { handoff } = lanes.keys('default');
    await lanes.push('default', [
      { id: 1, priority: 50 },
      { id: 2, priority: 50 },
    ]);
    expect(await taker.waitForOne(1)).toEqual([1]);
    await eventually(
      'the next id is handed on',
      async () => (await lanes.connection.lindex(handoff, 0)) === '2',
    );
  });

  test('without a slot puts an id back; with PostgreSQL away it keeps it until it has one', async () => {
    const proxy = await startProxyTo(db.connectionString);
    const installation = await openInstallation({ postgres: { connectionString: proxy.url } });
    const { taker, slots } = createTaker('default', { installation: { ...installation, lanes } });
    const id = await submit();
    slots.take(1);
    await push(id);
    expect(await taker.waitForOne(1)).toEqual([]);
    expect(await waiting()).toEqual([String(id)]);

    await eventually('Redis forgets what was put back', async () => {
      return (await lanes.connection.llen(lanes.keys('default').processing('w-1'))) === 0;
    });
    proxy.refuse();
    proxy.cut();
    expect(await taker.waitForOne(1)).toEqual([]);
    expect(await waiting()).toEqual([]);
    slots.give(1);
    expect(await taker.take(1)).toEqual([id]);
    await installation.close();
    await proxy.close();
  });

  test('passes its blocked connection on to the next queue', async () => {
    let opened = 0;
    const counting: Lanes = {
      ...lanes,
      openBlocking() {
        opened++;
        return lanes.openBlocking();
      },
    };
    const connections = new BlockingConnections(counting, 1);
    const a = createTaker('a', { connections }).taker;
    const b = createTaker('b', { connections }).taker;
    const waits = a.waitForOne(1);
    expect(await b.waitForOne(1)).toBeUndefined();
    await push(1, 'a');
    expect(await waits).toEqual([1]);
    await push(2, 'b');
    expect(await b.waitForOne(1)).toEqual([2]);
    expect(opened).toBe(1);
  });

  test('that is interrupted ends its wait, and leaves no connection behind', async () => {
    const connections = new BlockingConnections(lanes, 1);
    const { taker } = createTaker('default', { connections });
    const waits = taker.waitForOne(1);
    taker.interrupt();
    expect(await waits).toEqual([]);
    const next = connections.lend();
    expect(next).toBeDefined();
    connections.discard(next!);
  });
});
