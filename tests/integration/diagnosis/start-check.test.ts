import { afterAll, afterEach, expect, test } from '@jest/globals';
import { startServers } from '../../../servers/start-servers.js';
import { createStartCheck } from '../../../shared/diagnosis/start-check.js';
import { openInstallation } from '../../../shared/installation.js';
import { silentLogger, type LogFields } from '../../../shared/observe/logger.js';
import { createTestDatabase } from '../../support/test-installation.js';
import { cleanUp, startCli } from '../cli/cli-process.js';

/** A Redis that evicts. */
const servers = await startServers({
  postgres: 'binaries',
  redis: 'binaries',
  redisSettings: { 'maxmemory-policy': 'allkeys-random' },
}).catch(() => null);
const database = await createTestDatabase();
afterEach(cleanUp);
afterAll(async () => {
  await database.drop();
  await servers?.stop();
});

const SIZE = { queueCount: 1, coordinates: false };

(servers ? test : test.skip).each(['api', 'worker', 'coordinator'])(
  'a starting %s warns of a Redis that evicts, says what to do, and starts',
  async (command) => {
    const child = startCli([command], {
      DATABASE_URL: database.connectionString,
      REDIS_URL: servers!.redisUrl!,
      API_PORT: '0',
    });
    const line = await child.line(/maxmemory-policy of Redis is allkeys-random/);
    expect(JSON.parse(line)).toMatchObject({
      level: 'warn',
      role: command,
      check: 'redis.eviction',
      remedy: expect.stringContaining('Set maxmemory-policy noeviction'),
    });
    await child.line(/(API|worker|coordinator) ready/);
    child.send('SIGTERM');
    const { code, stderr } = await child.ended;
    expect(code).toBe(0);
    expect(stderr.match(/maxmemory-policy of Redis/g)).toHaveLength(1);
  },
);

/** An installation on a Redis that is not there, and what its log says. */
async function openWithoutRedis() {
  const lines: { level: string; message: string; fields: LogFields | undefined }[] = [];
  const keep = (level: string) => (message: string, fields?: LogFields) =>
    void lines.push({ level, message, fields });
  const installation = await openInstallation({
    postgres: { connectionString: database.connectionString },
    redis: { url: 'redis://:hunter2@127.0.0.1:1' },
    logger: { ...silentLogger, warn: keep('warn'), error: keep('error') },
  });
  return { installation, lines };
}

test('an absent Redis is told once, without its password', async () => {
  const { installation, lines } = await openWithoutRedis();
  const check = createStartCheck(installation, SIZE);
  await check.start();
  await check.start();
  await check.stop();
  await installation.close();
  const ofRedis = lines.filter(({ message }) => message.includes('Redis'));
  expect(ofRedis).toMatchObject([
    {
      level: 'warn',
      message: expect.stringContaining('Redis cannot be used'),
      fields: { check: 'redis.reachable' },
    },
  ]);
  expect(JSON.stringify(lines)).not.toContain('hunter2');
});

test('what keeps it from looking at PostgreSQL fails nothing', async () => {
  const { installation, lines } = await openWithoutRedis();
  await installation.close();
  const check = createStartCheck({ ...installation, lanes: null }, SIZE);
  await check.start();
  await check.stop();
  expect(lines).toEqual([]);
});
