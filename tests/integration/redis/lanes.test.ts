import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { dropFromLane, readLaneFront, readProcessing } from '../../../shared/redis/lane-contents.js';
import { openLanes, type Lanes } from '../../../shared/redis/lanes.js';
import { hasRedis } from '../../support/test-installation.js';

const describeWithRedis = hasRedis ? describe : describe.skip;
const address = { url: process.env.HOLDFAST_TEST_REDIS_URL ?? '' };

describeWithRedis('lanes', () => {
  let lanes: Lanes;
  let queue: string;
  const opened: Lanes[] = [];
  beforeEach(async () => {
    lanes = await openLanes(address, { prefix: 'test:', installationId: randomBytes(4).toString('hex') });
    opened.push(lanes);
    queue = 'default';
  });
  afterAll(() => Promise.all(opened.map((one) => one.close())));

  const push = (...ids: number[]) =>
    lanes.push(
      queue,
      ids.map((id) => ({ id, priority: 50 })),
    );
  /** As a worker takes that knows what it holds. */
  const take = async (count: number, { forget = 0, suspects = 1, workerId = 'w-1' } = {}) => {
    const [oldest = '', ...others] = await readProcessing(lanes, queue, workerId);
    const lastForgotten = [oldest, ...others][forget - 1] ?? '';
    const request = { workerId, count, suspects, oldest, forget, lastForgotten };
    const { ids, isListStrange } = await lanes.take(queue, request);
    expect(isListStrange).toBe(false);
    return ids;
  };
  const list = (key: string) => lanes.connection.lrange(key, 0, -1);

  test('give ids in the order of pushing, the highest lane first', async () => {
    await push(1, 2, 3);
    await lanes.push(queue, [{ id: 9, priority: 90 }]);
    // 1 waits in the handoff already: the baton is passed on before lanes are looked at.
    expect(await take(10)).toEqual([1, 9, 2, 3]);
  });

  test('what was seen in front of a lane is dropped as far as it is there, and not searched for', async () => {
    await push(1, 2, 3, 4, 5);
    const lane = lanes.keys(queue).lane(50);
    const front = await readLaneFront(lanes, queue, 50, 3);
    expect(front).toEqual(['2', '3', '4']);
    await dropFromLane(lanes, queue, 50, ['2', '7']);
    expect(await list(lane)).toEqual(['5', '4', '3']);
    // A worker has taken the first of them meanwhile.
    await dropFromLane(lanes, queue, 50, front);
    expect(await list(lane)).toEqual(['5', '4', '3']);
    await dropFromLane(lanes, queue, 50, ['3', '4', '5']);
    expect(await list(lane)).toEqual([]);
  });

  test('an id that comes alone goes straight to the handoff; among others it takes its place in its lane', async () => {
    await push(1);
    expect(await list(lanes.keys(queue).handoff)).toEqual(['1']);
    expect(await lanes.connection.exists(lanes.keys(queue).lanes)).toBe(0);
    await lanes.push(queue, [{ id: 2, priority: 10 }]);
    await push(3);
    expect(await take(10)).toEqual([1, 3, 2]);
  });

  test('a suspect that comes alone waits for a worker that asks for one', async () => {
    await lanes.push(queue, [{ id: 7, priority: 50, isSuspect: true }]);
    expect(await list(lanes.keys(queue).handoff)).toEqual([]);
    expect(await take(10, { suspects: 0 })).toEqual([]);
    expect(await take(10)).toEqual([7]);
  });

  test('a push to the front goes before what waits, oldest first', async () => {
    await push(10, 11);
    await take(1);
    await lanes.push(
      queue,
      [
        { id: 1, priority: 50 },
        { id: 2, priority: 50 },
      ],
      'front',
    );
    expect(await take(10)).toEqual([11, 1, 2]);
  });

  test('a take holds its ids in the processing list until it forgets them', async () => {
    await push(1, 2, 3);
    await take(2);
    expect(await list(lanes.keys(queue).processing('w-1'))).toEqual(['2', '1']);
    await take(0, { forget: 2 });
    expect(await list(lanes.keys(queue).processing('w-1'))).toEqual([]);
  });

  test('a take forgets the oldest of its ids, in the order in which they came', async () => {
    await push(1, 2, 1, 3);
    await take(3);
    expect(await take(1, { forget: 2 })).toEqual([3]);
    expect(await list(lanes.keys(queue).processing('w-1'))).toEqual(['3', '1']);
  });

  test.each([
    ['other ids lie before those', ['1', '2'], ['2', '1', '8']],
    ['another id lies between those', ['1', '2'], ['2', '9', '1']],
    ['there should be none', ['', '1'], ['2', '1']],
    ['there are none', ['1', '2'], []],
  ])(
    'a take forgets nothing when its list is not as it knows it: %s',
    async (_what, [oldest, last], held) => {
      const key = lanes.keys(queue).processing('w-1');
      if (held.length > 0) await lanes.connection.rpush(key, ...held);
      await push(5);
      const known = { oldest: oldest!, forget: 2, lastForgotten: last! };
      const taken = await lanes.take(queue, { workerId: 'w-1', count: 1, suspects: 1, ...known });
      expect(taken).toEqual({ ids: [5], isListStrange: true });
      expect(await list(key)).toEqual(['5', ...held]);
    },
  );

  test.each(['a word', '1,2', '', '-3', '[4]', '1e3', '0x10', ' 7', '1.0'])(
    'what a take brought together with garbage (%j) waits in the processing list',
    async (garbage) => {
      await push(5);
      await lanes.connection.rpush(lanes.keys(queue).lane(50), garbage);
      await lanes.connection.zadd(lanes.keys(queue).lanes, 50, '50');
      const request = { workerId: 'w-1', count: 5, suspects: 1, oldest: '', forget: 0, lastForgotten: '' };
      expect(await lanes.take(queue, request)).toEqual({ ids: [], isListStrange: true });
      expect(await readProcessing(lanes, queue, 'w-1')).toEqual(['5', garbage]);
    },
  );

  test('the handoff holds one id while work waits, and every take refills it', async () => {
    await push(1, 2, 3);
    const { handoff } = lanes.keys(queue);
    expect(await list(handoff)).toEqual(['1']);
    await take(1);
    expect(await list(handoff)).toEqual(['2']);
    await lanes.connection.del(handoff);
    await take(0);
    expect(await list(handoff)).toEqual(['3']);
  });

  test('one push wakes a blocked worker; its take wakes the next one', async () => {
    const keys = lanes.keys(queue);
    const blocked = [lanes.openBlocking(), lanes.openBlocking()];
    try {
      await Promise.all(
        blocked.map((connection) => new Promise((resolve) => connection.once('ready', resolve))),
      );
      const woken = blocked.map((connection, index) =>
        connection.brpoplpush(keys.handoff, keys.processing(`w-${index}`), 5),
      );
      await push(1, 2, 3);
      expect(await Promise.race(woken)).toBe('1');
      expect(await take(0)).toEqual([]);
      expect((await Promise.all(woken)).sort()).toEqual(['1', '2']);
    } finally {
      for (const connection of blocked) connection.disconnect();
    }
  });

  test('every sixteenth take serves the lane that waited longest', async () => {
    await lanes.push(
      queue,
      Array.from({ length: 100 }, (_, n) => ({ id: n + 1, priority: 90 })),
    );
    await lanes.push(queue, [{ id: 777, priority: 1 }]);
    const taken: number[] = [];
    for (let i = 0; i < 16; i++) taken.push(...(await take(1)));
    expect(taken.at(-1)).toBe(777);
    expect(taken).toHaveLength(16);
  });

  test('suspects have a lane of their own, never the handoff, and are given one at a time', async () => {
    await lanes.push(
      queue,
      [1, 2].map((id) => ({ id, priority: 50, isSuspect: true })),
    );
    await push(3);
    expect(await take(10, { suspects: 0 })).toEqual([3]);
    expect(await take(10, { suspects: 1 })).toEqual([1]);
  });

  test('a drain returns what a worker held and forgets the worker', async () => {
    await push(1, 2);
    await take(2);
    expect((await lanes.drain(queue, 'w-1')).sort()).toEqual(['1', '2']);
    expect(await lanes.connection.smembers(lanes.keys(queue).owners)).toEqual([]);
    expect(await take(5)).toEqual([]);
  });

  test('thousands of ids go through one push and one take', async () => {
    await push(...Array.from({ length: 12_000 }, (_, n) => n + 1));
    expect(await take(500)).toHaveLength(500);
    expect(await take(11_499)).toHaveLength(11_499);
    expect(await take(10)).toEqual([12_000]);
  });
});
