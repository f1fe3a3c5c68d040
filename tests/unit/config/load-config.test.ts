import { afterAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError, findFault, loadConfig } from '../../../config/load-config.js';

const folder = mkdtempSync(join(tmpdir(), 'holdfast-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

function fileWith(content: string): string {
  const file = join(mkdtempSync(join(folder, 'secret-')), 'secret');
  writeFileSync(file, content);
  return file;
}

/** Each fault as `NAME problem`. */
function faultsOf(env: NodeJS.ProcessEnv): string[] {
  try {
    loadConfig(env);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.faults.map(({ variable, problem }) => `${variable} ${problem}`);
  }
}

test('an empty environment gives the documented defaults', () => {
  expect(loadConfig({})).toMatchObject({
    postgres: {
      connectionString: 'postgres://postgres@localhost:5432/postgres',
      schema: 'public',
      poolSize: 10,
    },
    redis: { url: 'redis://localhost:6379/0' },
    redisPrefix: 'job:',
    api: { host: '127.0.0.1', port: 3000, bodyLimit: 1_048_576, auth: 'auto', rateLimit: null },
    metrics: { host: '127.0.0.1', port: 9090 },
    log: { level: 'info', format: 'auto' },
    worker: {
      queues: { default: undefined },
      concurrency: 5,
      pollIntervalMs: 1_000,
      heartbeatIntervalMs: 2_000,
      deadAfterMs: 10_000,
      shutdownTimeoutMs: 30_000,
      maxUnsettled: 10_000,
      maxResultBytes: 1_048_576,
      isDeadLetterEnabled: true,
      retryPolicy: { maxRetries: 3, baseDelayMs: 1_000, multiplier: 2, maxDelayMs: 3_600_000 },
    },
    handlerModules: [],
    coordinator: { isEnabled: true, retentionMs: 604_800_000 },
    jobDefaults: { timeoutMs: 300_000, maxRetries: 3, maxPayloadBytes: 1_048_576 },
  });
});

test('a rate limit counts requests of a second or a minute', () => {
  expect(loadConfig({ API_RATE_LIMIT: '100/s' }).api.rateLimit).toEqual({ max: 100, windowMs: 1_000 });
  expect(loadConfig({ API_RATE_LIMIT: '6000/min' }).api.rateLimit).toEqual({ max: 6_000, windowMs: 60_000 });
  expect(loadConfig({ API_RATE_LIMIT: 'OFF' }).api.rateLimit).toBeNull();
});

test('a variable that is empty, or blank, counts as unset', () => {
  expect(loadConfig({ API_PORT: '', DATABASE_URL: ' ', REDIS_URL_FILE: '' })).toEqual(loadConfig({}));
});

describe('a bad value is named with what it should be', () => {
  const secretUrl = 'mysql://root:hunter2@db/app';
  test.each([
    ['WORKER_CONCURRENCY', 'many', 'must be a whole number from 1 to 10000 (it is "many")'],
    ['WORKER_CONCURRENCY', '0', 'must be a whole number from 1 to 10000 (it is "0")'],
    ['WORKER_CONCURRENCY', '2.5', 'must be a whole number from 1 to 10000 (it is "2.5")'],
    ['WORKER_CONCURRENCY', '-3', 'must be a whole number from 1 to 10000 (it is "-3")'],
    ['WORKER_POLL_INTERVAL', '1s', 'must be a whole number from 10 to 2147483647 (it is "1s")'],
    ['JOB_DEFAULT_TIMEOUT', '3000000000', 'must be a whole number from 1 to 2147483647'],
    ['JOB_RETRY_BACKOFF_MULTIPLIER', '0.5', 'must be a number from 1 to 100'],
    ['JOB_DLQ_ENABLED', 'yep', 'must be true or false'],
    ['API_AUTH', 'none', 'must be one of auto, required, off (it is "none")'],
    ['API_RATE_LIMIT', '100', 'must be like 100/s or 6000/min, or off (it is "100")'],
    ['API_RATE_LIMIT', '0/s', 'must be like 100/s or 6000/min, or off'],
    ['API_PORT', '65536', 'must be a whole number from 0 to 65535'],
    ['METRICS_PORT', 'none', 'must be a port from 0 to 65535, or off'],
    ['LOG_LEVEL', 'loud', 'must be one of error, warn, info, debug'],
    ['LOG_FORMAT', 'xml', 'must be one of auto, text, json'],
    ['DATABASE_URL', secretUrl, 'must be an address like postgres://user:password@host:5432/database'],
    ['DATABASE_DIRECT_URL', secretUrl, 'must be an address like postgres://user:password@host:5432/database'],
    ['DATABASE_SCHEMA', 'my schema', 'must be a schema name'],
    ['REDIS_URL', 'localhost:6379', 'must be an address like redis://default:password@host:6379/0'],
    ['REDIS_SENTINELS', 'sentinel-1', 'must be a list like host-1:26379,host-2:26379'],
    ['REDIS_CLUSTER_NODES', 'node:99999', 'must be a list like'],
    ['REDIS_QUEUE_PREFIX', '{a}:', 'must be up to 100 characters without'],
    ['WORKER_QUEUES', 'Mail', 'must be queues like a,b or a:10,b:2'],
    ['WORKER_QUEUES', ',', 'must name at least one'],
    ['WORKER_QUEUES', 'a,b,a:2', 'must name each queue once; "a" is there twice'],
    ['WORKER_QUEUES', 'mail:none', 'must give "mail" from 1 to 10000 slots'],
    ['SMTP_URL', 'http://mail', 'must be an address like smtp://user:password@host:587'],
    ['HTTP_ALLOWED_HOSTS', 'https://example.com', 'must be a list of hosts like example.com'],
  ])('%s=%s', (name, value, problem) => {
    const faults = faultsOf({ [name]: value });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(`${name} ${problem}`);
  });

  test('but a secret is never echoed', () => {
    for (const name of ['DATABASE_URL', 'DATABASE_DIRECT_URL', 'REDIS_URL', 'SMTP_URL']) {
      expect(faultsOf({ [name]: secretUrl }).join()).not.toContain('hunter2');
    }
  });
});

test('all faults come in one report: values, files and combinations', () => {
  const faults = faultsOf({
    API_PORT: 'http',
    WORKER_CONCURRENCY: '-1',
    POSTGRES_PASSWORD_FILE: join(folder, 'missing'),
    WORKER_DEAD_AFTER: '3000',
    REDIS_URL: 'redis://localhost',
    REDIS_SENTINELS: 'a:26379',
  });
  expect(faults).toEqual([
    expect.stringMatching(/^POSTGRES_PASSWORD_FILE names a file that cannot be read: .*ENOENT/),
    expect.stringMatching(/^API_PORT must be/),
    expect.stringMatching(/^WORKER_CONCURRENCY must be/),
    expect.stringMatching(/^WORKER_DEAD_AFTER is 3000, but must be at least twice WORKER_HEARTBEAT_INTERVAL/),
    expect.stringMatching(/^REDIS_URL and REDIS_SENTINELS are both set/),
  ]);
});

test('one fault is one line, several are a list', () => {
  expect(() => loadConfig({ API_PORT: 'x' })).toThrow(
    /^configuration: API_PORT must be a whole number from 0 to 65535 \(it is "x"\)$/,
  );
  expect(() => loadConfig({ API_PORT: 'x', LOG_LEVEL: 'y' })).toThrow(
    /^configuration: 2 faults\n {2}- API_PORT .*\n {2}- LOG_LEVEL .*$/,
  );
});

describe('values that do not go together', () => {
  test.each<[NodeJS.ProcessEnv, string]>([
    [
      { DATABASE_POOL_SIZE: '3' },
      'DATABASE_POOL_SIZE is 3, but a worker with a coordinator needs at least 4',
    ],
    [
      { DATABASE_POOL_SIZE: '2', COORDINATOR_ENABLED: 'false' },
      'DATABASE_POOL_SIZE is 2, but a worker needs at least 3',
    ],
    [{ WORKER_HEARTBEAT_INTERVAL: '6000' }, 'WORKER_DEAD_AFTER is 10000, but must be at least twice'],
    [{ JOB_RETRY_DELAY_MAX: '500' }, 'JOB_RETRY_DELAY_MAX is 500, less than JOB_RETRY_DELAY_BASE (1000)'],
    [{ REDIS_URL: 'none', REDIS_CLUSTER_NODES: 'a:6379' }, 'REDIS_URL and REDIS_CLUSTER_NODES are both set'],
    [
      { REDIS_SENTINELS: 'a:26379', REDIS_CLUSTER_NODES: 'a:6379' },
      'REDIS_SENTINELS and REDIS_CLUSTER_NODES are both set',
    ],
    [{ REDIS_CLUSTER_NODES: 'a:6379', REDIS_DB: '2' }, 'REDIS_DB is 2, but a Redis Cluster'],
    [{ REDIS_SENTINEL_NAME: 'main' }, 'REDIS_SENTINEL_NAME is set without REDIS_SENTINELS'],
    [{ SMTP_USER: 'me' }, 'SMTP_USER is set without SMTP_PASSWORD'],
    [{ SMTP_PASSWORD: 'x' }, 'SMTP_PASSWORD is set without SMTP_USER'],
  ])('%j', (env, problem) => {
    const faults = faultsOf(env);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(problem);
  });

  test('are not compared when one of them is bad in itself', () => {
    expect(faultsOf({ WORKER_DEAD_AFTER: 'soon', WORKER_HEARTBEAT_INTERVAL: '9000' })).toEqual([
      expect.stringMatching(/^WORKER_DEAD_AFTER must be/),
    ]);
  });
});

describe('NAME_FILE', () => {
  test('reads a secret from a file, without the newline at its end', () => {
    const config = loadConfig({ POSTGRES_PASSWORD_FILE: fileWith('p@ss/word\n') });
    expect(config.postgres.connectionString).toBe(
      'postgres://postgres:p%40ss%2Fword@localhost:5432/postgres',
    );
  });

  test('and NAME are one too many', () => {
    expect(faultsOf({ REDIS_PASSWORD: 'a', REDIS_PASSWORD_FILE: fileWith('b') })).toEqual([
      'REDIS_PASSWORD and REDIS_PASSWORD_FILE are both set: keep one of them',
    ]);
  });

  test('must not be empty, and what is in it is never echoed', () => {
    expect(faultsOf({ SMTP_URL_FILE: fileWith('\n') })).toEqual([
      expect.stringContaining('SMTP_URL_FILE names a file that is empty'),
    ]);
    expect(faultsOf({ DATABASE_URL_FILE: fileWith('hunter2') }).join()).not.toContain('hunter2');
  });
});

describe('addresses', () => {
  test('DATABASE_URL wins over its parts', () => {
    const config = loadConfig({ DATABASE_URL: 'postgres://a@b/c', POSTGRES_HOST: 'elsewhere' });
    expect(config.postgres.connectionString).toBe('postgres://a@b/c');
  });

  test('the direct address is one of its own, or left out', () => {
    const direct = 'postgres://a@b:5432/c';
    expect(loadConfig({ DATABASE_DIRECT_URL: direct }).postgres).toMatchObject({
      connectionString: 'postgres://postgres@localhost:5432/postgres',
      directConnectionString: direct,
    });
    expect(loadConfig({}).postgres).not.toHaveProperty('directConnectionString');
  });

  test('the parts of PostgreSQL are put together; the database is named like its user', () => {
    const url = (env: NodeJS.ProcessEnv) => loadConfig(env).postgres.connectionString;
    expect(url({ POSTGRES_HOST: 'db', POSTGRES_USER: 'app', POSTGRES_PORT: '6432' })).toBe(
      'postgres://app@db:6432/app',
    );
    expect(url({ POSTGRES_HOST: '::1', POSTGRES_DB: 'jobs' })).toBe('postgres://postgres@[::1]:5432/jobs');
    expect(url({ POSTGRES_HOST: '/run/postgresql' })).toBe(
      'postgres://postgres@localhost:5432/postgres?host=%2Frun%2Fpostgresql',
    );
  });

  test('Redis is one server, Sentinels, a Cluster, or none', () => {
    const redis = (env: NodeJS.ProcessEnv) => loadConfig(env).redis;
    expect(redis({ REDIS_HOST: 'r', REDIS_PASSWORD: 'a b', REDIS_DB: '2' })).toEqual({
      url: 'redis://:a%20b@r:6379/2',
    });
    for (const url of ['rediss://r', 'redis://default:s@r:6379/0', 'redis://:s@r:6379/0'])
      expect(redis({ REDIS_URL: url })).toEqual({ url });
    expect(redis({ REDIS_SENTINELS: 'a:1, [::1]:2', REDIS_PASSWORD: 's' })).toEqual({
      sentinels: [
        { host: 'a', port: 1 },
        { host: '::1', port: 2 },
      ],
      name: 'mymaster',
      db: 0,
      password: 's',
    });
    expect(redis({ REDIS_CLUSTER_NODES: 'a:1' })).toEqual({ nodes: [{ host: 'a', port: 1 }] });
    expect(redis({ REDIS_URL: 'none' })).toBeNull();
  });
});

test('queues are a list, a list with slots, or both', () => {
  const queues = (text: string) => loadConfig({ WORKER_QUEUES: text }).worker.queues;
  expect(queues('a, b')).toEqual({ a: undefined, b: undefined });
  expect(queues('default:10,mail:2')).toEqual({ default: 10, mail: 2 });
  expect(queues('default,mail:2')).toEqual({ default: undefined, mail: 2 });
});

test('the built-in jobs get their settings', () => {
  const { builtInJobs } = loadConfig({
    SMTP_HOST: 'mail',
    SMTP_SECURE: 'true',
    SMTP_FROM: 'Me <me@example.com>',
    HANDLER_DATA_DIR: '/srv/data',
    HTTP_ALLOWED_HOSTS: 'example.com,*.example.org',
    HTTP_ALLOW_PRIVATE: '1',
  });
  expect(builtInJobs).toMatchObject({
    email: { host: 'mail', secure: true, port: 465, from: 'Me <me@example.com>', requireTls: false },
    data: { allowedDirectory: '/srv/data', maxBytes: 21_474_836_480 },
    http: { maxResponseBytes: 1_048_576 },
    network: { allowedHosts: ['example.com', '*.example.org'], allowPrivateNetworks: true },
  });
});

test('METRICS_PORT=off serves no metrics', () => {
  expect(loadConfig({ METRICS_PORT: 'off' }).metrics.port).toBeNull();
});

test('an option of the command line is checked like its variable', () => {
  expect(findFault('WORKER_CONCURRENCY', '10')).toBeUndefined();
  expect(findFault('WORKER_CONCURRENCY', 'x')).toBe('must be a whole number from 1 to 10000');
});
