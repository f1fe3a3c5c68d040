import { afterAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { startServers } from '../../../servers/start-servers.js';
import { judgeClock, readClock } from '../../../shared/diagnosis/clock.js';
import { diagnose } from '../../../shared/diagnosis/diagnose.js';
import { judgeRedisVersion, parseInfo } from '../../../shared/diagnosis/redis-server.js';

/** A Redis of this file's own: the suite's must keep its settings. */
const servers = await startServers({ postgres: 'binaries', redis: 'binaries' }).catch(() => null);
const url = servers?.redisUrl ?? 'redis://127.0.0.1:1';
const redis = new Redis(url, { lazyConnect: true });
afterAll(async () => {
  redis.disconnect();
  await servers?.stop();
});

const SIZE = { poolSize: 3, queueCount: 1, coordinates: false };
const NO_POSTGRES = { connectionString: 'postgres://postgres@127.0.0.1:1/none' };

/** What is found of Redis at `address`; of one check only where it is named. */
async function find(check?: string, address = url) {
  const found = await diagnose({ postgres: NO_POSTGRES, redis: { url: address }, size: SIZE });
  return found.filter((one) => (check === undefined ? one.check.startsWith('redis.') : one.check === check));
}

const set = (settings: Record<string, string | number>) =>
  Promise.all(Object.entries(settings).map(([name, value]) => redis.config('SET', name, value)));

(servers ? describe : describe.skip)('a Redis of our own', () => {
  beforeEach(async () => {
    await set({ 'maxmemory-policy': 'noeviction', maxmemory: 0, appendonly: 'no', save: '' });
  });

  test('that may evict lists is a problem; that evicts only keys with an expiry, a warning', async () => {
    expect(await find('redis.eviction')).toMatchObject([{ level: 'ok' }]);
    await set({ 'maxmemory-policy': 'allkeys-lru' });
    expect(await find('redis.eviction')).toMatchObject([
      {
        level: 'problem',
        what: 'maxmemory-policy of Redis is allkeys-lru',
        remedy: expect.stringContaining('noeviction'),
      },
    ]);
    await set({ 'maxmemory-policy': 'volatile-ttl' });
    expect(await find('redis.eviction')).toMatchObject([{ level: 'warning' }]);
  });

  test('that is nearly full is a warning', async () => {
    expect(await find('redis.memory')).toMatchObject([{ level: 'ok' }]);
    const used = Number(parseInfo(await redis.info('memory')).get('used_memory'));
    await set({ maxmemory: Math.round(used / 0.95) });
    expect(await find('redis.memory')).toMatchObject([
      { level: 'warning', what: expect.stringContaining('nearly full') },
    ]);
  });

  test('without files is a warning; snapshots or an append-only file are fine', async () => {
    expect(await find('redis.persistence')).toMatchObject([
      { level: 'warning', meaning: expect.stringContaining('No job is lost') },
    ]);
    await set({ save: '3600 1' });
    expect(await find('redis.persistence')).toMatchObject([{ level: 'ok', what: 'Redis saves snapshots' }]);
    await set({ save: '', appendonly: 'yes' });
    expect(await find('redis.persistence')).toMatchObject([
      { level: 'ok', what: 'Redis keeps an append-only file' },
    ]);
  });

  test('whose user may ask neither INFO nor CONFIG is fine, as far as can be seen', async () => {
    await redis.acl('SETUSER', 'limited', 'on', '>secret', '~*', '+@all', '-info', '-config');
    // The client library tells about INFO in its own words.
    const told = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
    const found = await find(undefined, url.replace('redis://', 'redis://limited:secret@'));
    told.mockRestore();
    expect(found.map(({ level }) => level)).toEqual(['ok', 'ok', 'ok', 'ok', 'ok']);
    expect(found.filter(({ what }) => what.includes('cannot be read')).map(({ check }) => check)).toEqual([
      'redis.version',
      'redis.eviction',
      'redis.memory',
      'redis.persistence',
    ]);
  });

  test('that refuses the password says so, without the password', async () => {
    await redis.acl('SETUSER', 'limited', 'on', '>secret', '~*', '+@all');
    const found = await find(undefined, url.replace('redis://', 'redis://limited:hunter2@'));
    expect(found).toMatchObject([
      { check: 'redis.reachable', level: 'problem', what: expect.stringContaining('WRONGPASS') },
    ]);
    expect(JSON.stringify(found)).not.toContain('hunter2');
  });

  test('has a clock that is compared with ours', async () => {
    const ask = async () => Number((await redis.time())[0]) * 1_000;
    expect(await find('redis.clock')).toMatchObject([{ level: 'ok' }]);
    const behind = () => Date.now() - 10_000;
    expect(judgeClock('Redis', await readClock(ask, 3, behind))).toMatchObject([
      { level: 'warning', what: expect.stringMatching(/Redis is (9|10) s ahead of this host's/) },
    ]);
  });
});

test('an absent Redis is a problem that loses no job', async () => {
  expect(await find(undefined, 'redis://:hunter2@127.0.0.1:1')).toMatchObject([
    {
      check: 'redis.reachable',
      level: 'problem',
      what: expect.stringContaining('connect ECONNREFUSED 127.0.0.1:1'),
      meaning: expect.stringContaining('No job is lost'),
    },
  ]);
});

test.each([
  ['5.0.14', 'problem'],
  ['6.0.20', 'problem'],
  ['6.2.0', 'ok'],
  ['7.4.1', 'ok'],
  ['10.0.0', 'ok'],
])('Redis %s: %s', (version, level) => {
  expect(judgeRedisVersion('Redis', parseInfo(`redis_version:${version}\r\nrole:master\r\n`))).toMatchObject([
    { level },
  ]);
});

test('a replica, which is read-only, is a problem', () => {
  const info = parseInfo('redis_version:7.0.15\r\nrole:slave\r\n');
  expect(judgeRedisVersion('Redis', info).map(({ level }) => level)).toEqual(['ok', 'problem']);
});
