/** Starts Redis with the command, the configuration and the health check of docker-compose.redis.yml, outside a container. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findRedisProgram } from '../../../servers/find-binaries.js';
import { findFreePort } from '../../../servers/free-port.js';
import { packageRoot } from '../../../shared/package-root.js';
import { eventually } from '../../support/eventually.js';
import { hasRedis } from '../../support/test-installation.js';
import { cleanUp, runCli } from '../cli/cli-process.js';
import { readCompose } from './compose-files.js';

/** With all that a shell or Redis's own syntax could trip over. */
const PASSWORD = `it's "quoted" \\ $HOME #50% é`;
const CONFIGURATION = join(packageRoot, 'config', 'redis.conf');

const { redis } = readCompose('docker-compose.redis.yml', { REDIS_PASSWORD: PASSWORD }).services;
const script = redis!.command![2]!;
const [, healthCheck = ''] = (redis!.healthcheck as { test: string[] }).test;

const describeWithRedis = hasRedis ? describe : describe.skip;

describeWithRedis('Redis as docker-compose.redis.yml starts it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-redis-'));
  const data = join(folder, 'data');
  let port: number;
  let server: ChildProcess | undefined;
  let client: Redis;
  let environment: NodeJS.ProcessEnv;

  beforeAll(async () => {
    port = await findFreePort();
    const programs = join(folder, 'bin');
    for (const path of [data, programs]) mkdirSync(path);
    // The image's names for it; on this machine it may be Valkey.
    const program = findRedisProgram()!;
    symlinkSync(program, join(programs, 'redis-server'));
    symlinkSync(
      join(dirname(program), program.endsWith('valkey-server') ? 'valkey-cli' : 'redis-cli'),
      join(programs, 'redis-cli'),
    );
    environment = { PATH: `${programs}:${process.env.PATH}`, ...redis!.environment };
    await start();
  });

  afterAll(async () => {
    await stop();
    await cleanUp();
    rmSync(folder, { recursive: true });
  });

  async function start(): Promise<void> {
    // Only what the container itself provides is put in its place: where it listens, and its working directory.
    const here = script
      .replace('/usr/local/etc/redis/redis.conf', CONFIGURATION)
      .replace('--maxmemory', `--port ${port} --bind 127.0.0.1 --maxmemory`);
    server = spawn('sh', ['-c', here], { cwd: data, env: environment, stdio: 'ignore' });
    client = connect(PASSWORD);
    await eventually('it answers', async () => (await client.ping().catch(() => '')) === 'PONG');
  }

  async function stop(): Promise<void> {
    client.disconnect();
    if (server?.exitCode !== null) return;
    const ended = once(server, 'exit');
    server.kill('SIGTERM');
    await ended;
  }

  const connect = (password: string) => {
    const redisClient = new Redis({ host: '127.0.0.1', port, password, maxRetriesPerRequest: 2 });
    redisClient.on('error', () => undefined);
    return redisClient;
  };

  const setting = async (name: string): Promise<string> => (await client.config('GET', name))[1]!;

  const check = (env: NodeJS.ProcessEnv) =>
    spawnSync('sh', ['-c', healthCheck.replace('redis-cli', `redis-cli -p ${port}`)], { env }).status;

  test('it refuses writes when it is full, and keeps both files', async () => {
    expect({
      policy: await setting('maxmemory-policy'),
      maxmemory: await setting('maxmemory'),
      appendonly: await setting('appendonly'),
      appendfsync: await setting('appendfsync'),
      save: await setting('save'),
    }).toEqual({
      policy: 'noeviction',
      maxmemory: String(256 * 1024 * 1024),
      appendonly: 'yes',
      appendfsync: 'everysec',
      save: '3600 1 300 100 60 10000',
    });
  });

  test('it answers nobody without the password, which is in no argument that others can read', async () => {
    expect(await setting('requirepass')).toBe(PASSWORD);
    const stranger = new Redis({ host: '127.0.0.1', port, maxRetriesPerRequest: 0 });
    stranger.on('error', () => undefined);
    await expect(stranger.ping()).rejects.toThrow(/NOAUTH/);
    stranger.disconnect();
    const { stdout } = spawnSync('ps', ['-ww', '-o', 'args=', '-p', String(server!.pid)], {
      encoding: 'utf8',
    });
    expect(stdout).toContain('redis-server');
    expect(stdout).not.toContain('quoted');
  });

  test('its health check is content with it, and with no other password', () => {
    expect(check(environment)).toBe(0);
    expect(check({ ...environment, REDIS_PASSWORD: 'another' })).not.toBe(0);
  });

  test('a password from a file is as good', () => {
    const file = join(folder, 'password');
    writeFileSync(file, `${PASSWORD}\n`);
    expect(check({ ...environment, REDIS_PASSWORD: '', REDIS_PASSWORD_FILE: file })).toBe(0);
  });

  test('`holdfast doctor` has nothing to say against it', async () => {
    const { stdout } = await runCli(['doctor', '--json'], {
      DATABASE_URL: process.env.HOLDFAST_TEST_POSTGRES_URL,
      REDIS_HOST: '127.0.0.1',
      REDIS_PORT: String(port),
      REDIS_PASSWORD: PASSWORD,
    });
    const { findings } = JSON.parse(stdout) as { findings: { check: string; level: string }[] };
    const ofRedis = findings.filter(({ check }) => check.startsWith('redis.'));
    expect(ofRedis.map(({ check }) => check)).toEqual(
      expect.arrayContaining(['redis.eviction', 'redis.memory', 'redis.persistence']),
    );
    expect(ofRedis.filter(({ level }) => level !== 'ok')).toEqual([]);
  });

  test('when it is full a push fails and nothing is thrown out', async () => {
    await client.rpush('job:{here}:lane:50', '1', '2', '3');
    await client.config('SET', 'maxmemory', '1');
    await expect(client.rpush('job:{here}:lane:50', '4')).rejects.toThrow(/OOM/);
    expect(await client.lrange('job:{here}:lane:50', 0, -1)).toEqual(['1', '2', '3']);
    await client.config('SET', 'maxmemory', '256mb');
  });

  test('SIGTERM reaches Redis itself: it writes its files, and has everything after the next start', async () => {
    await client.rpush('job:{here}:lane:80', '5');
    await stop();
    expect(server!.exitCode).toBe(0);
    expect(existsSync(join(data, 'dump.rdb'))).toBe(true);
    expect(readdirSync(join(data, 'appendonlydir')).length).toBeGreaterThan(0);
    await start();
    expect(await client.lrange('job:{here}:lane:80', 0, -1)).toEqual(['5']);
  });
});
