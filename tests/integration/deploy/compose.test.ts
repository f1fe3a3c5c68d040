import { describe, expect, test } from '@jest/globals';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { workerStopLimitMs } from '../../../cli/stop-limit.js';
import { VARIABLE_NAMES } from '../../../config/env-schema.js';
import { loadConfig } from '../../../config/load-config.js';
import { packageRoot } from '../../../shared/package-root.js';
import { COMPOSE_FILES, interpolate, readCompose, type Service } from './compose-files.js';

const PASSWORDS = {
  REDIS_PASSWORD: 'of-redis',
  POSTGRES_PASSWORD: 'of-postgres',
  GRAFANA_PASSWORD: 'of-grafana',
  HOLDFAST_VIEWER_KEY_FILE: './secrets/viewer-key',
};
const OWN = ['migrate', 'api', 'coordinator', 'worker'] as const;

const files = COMPOSE_FILES.map((name) => ({ file: name, ...readCompose(name, PASSWORDS) }));
const services = files.flatMap(({ services }) => Object.entries(services));
const workers = readCompose('docker-compose.workers.yml', PASSWORDS).services;
const redis = readCompose('docker-compose.redis.yml', PASSWORDS).services;

const seconds = (text = ''): number => {
  const [, count, unit] = /^(\d+)(s|m)$/.exec(text) ?? [];
  return Number(count) * (unit === 'm' ? 60 : 1);
};

describe('what is missing stops with a clear line', () => {
  const without = (name: string) => ({ ...PASSWORDS, [name]: '' });

  test.each([
    [
      'docker-compose.redis.yml',
      without('REDIS_PASSWORD'),
      'required variable REDIS_PASSWORD is missing a value: set REDIS_PASSWORD, for example in .env',
    ],
    [
      'docker-compose.workers.yml',
      without('REDIS_PASSWORD'),
      'required variable REDIS_PASSWORD is missing a value: set REDIS_PASSWORD, for example in .env',
    ],
    [
      'docker-compose.workers.yml',
      without('POSTGRES_PASSWORD'),
      'required variable POSTGRES_PASSWORD is missing a value: set DATABASE_URL, or POSTGRES_PASSWORD and COMPOSE_PROFILES=postgres, for example in .env',
    ],
    [
      'docker-compose.observability.yml',
      without('GRAFANA_PASSWORD'),
      'required variable GRAFANA_PASSWORD is missing a value: set GRAFANA_PASSWORD, for example in .env',
    ],
    [
      'docker-compose.observability.yml',
      without('HOLDFAST_VIEWER_KEY_FILE'),
      'required variable HOLDFAST_VIEWER_KEY_FILE is missing a value: set HOLDFAST_VIEWER_KEY_FILE to a file that holds a key of role viewer, for example in .env',
    ],
  ] as const)('%s', (name, env, message) => {
    expect(() => readCompose(name, env)).toThrow(message);
  });

  test('an address, or a file, does instead of a password', () => {
    const given = [
      { DATABASE_URL: 'postgres://u:p@db/app', REDIS_URL: 'none' },
      { DATABASE_URL_FILE: './secrets/url', REDIS_URL_FILE: './secrets/redis' },
      { POSTGRES_PASSWORD_FILE: './secrets/pg', REDIS_PASSWORD_FILE: './secrets/redis' },
    ];
    for (const env of given) expect(() => readCompose('docker-compose.workers.yml', env)).not.toThrow();
    expect(() => readCompose('docker-compose.redis.yml', given[2]!)).not.toThrow();
  });
});

describe('every service', () => {
  test.each(services)('%s comes back after a crash and tells how it is', (name, service) => {
    if (name === 'migrate') {
      expect(service).toMatchObject({ restart: 'no', healthcheck: { disable: true } });
    } else {
      expect(service.restart).toBe('unless-stopped');
      expect(service.healthcheck).toHaveProperty('test');
    }
  });

  test.each(services)('%s has no more rights, memory and room for logs than it needs', (name, service) => {
    expect(service.security_opt).toEqual(['no-new-privileges:true']);
    expect(service.cap_drop).toEqual(['ALL']);
    expect(service.deploy.resources.limits.memory).toMatch(/^\d+[MG]$/);
    expect(service.logging.options).toEqual({ 'max-size': '10m', 'max-file': '3' });
    expect(service.read_only).toBe(name !== 'redis-commander');
    expect(service.image).toMatch(/:(local|v?\d+[\w.-]*)$/);
  });

  test.each(services)('%s is published on loopback only, where nobody says otherwise', (_name, { ports }) => {
    for (const { host_ip } of ports) expect(host_ip).toBe('127.0.0.1');
  });

  test('no two publish the same port', () => {
    const published = services.flatMap(([, { ports }]) => ports.map((port) => port.published));
    expect(new Set(published).size).toBe(published.length);
    expect(published).toEqual(expect.arrayContaining(['3000', '6379', '8081']));
  });

  test('what is mounted from this repository is there', () => {
    const mounted = services
      .flatMap(([, { volumes }]) => volumes)
      .filter((volume) => volume.startsWith('./'))
      .map((volume) => volume.split(':')[0]!);
    expect(mounted).toContain('./config/redis.conf');
    for (const path of mounted) expect([path, existsSync(join(packageRoot, path))]).toEqual([path, true]);
  });

  test.each(files)('$file declares the volumes and secrets it uses', ({ services, volumes, secrets }) => {
    const all = Object.values(services);
    const named = all.flatMap(({ volumes }) => volumes).filter((volume) => !volume.startsWith('./'));
    expect(Object.keys(volumes).sort()).toEqual(
      [...new Set(named.map((volume) => volume.split(':')[0]))].sort(),
    );
    expect(Object.keys(secrets).sort()).toEqual([...new Set(all.flatMap(({ secrets }) => secrets))].sort());
  });
});

describe('secrets', () => {
  const secret = /of-(redis|postgres|grafana)/;

  test.each(services)('%s has them in its environment alone, where they were given so', (_name, service) => {
    expect(JSON.stringify({ ...service, environment: {} })).not.toMatch(secret);
  });

  test('given as files they are in no environment', () => {
    const env = {
      DATABASE_URL_FILE: './secrets/url',
      POSTGRES_PASSWORD_FILE: './secrets/pg',
      REDIS_URL_FILE: './secrets/redis-url',
      REDIS_PASSWORD_FILE: './secrets/redis',
    };
    const { services, secrets } = readCompose('docker-compose.workers.yml', env);
    expect(services.worker!.environment).toMatchObject({
      DATABASE_URL: '',
      DATABASE_URL_FILE: '/run/secrets/database_url',
      POSTGRES_PASSWORD: '',
      REDIS_URL: '',
      REDIS_PASSWORD: '',
      REDIS_PASSWORD_FILE: '/run/secrets/redis_password',
    });
    expect(secrets.database_url!.file).toBe('./secrets/url');
    expect(services.worker!.secrets).toContain('database_url');
  });

  test('where there is no file, none is named, and nothing is mounted in its place', () => {
    expect(workers.worker!.environment).toMatchObject({ DATABASE_URL_FILE: '', REDIS_PASSWORD_FILE: '' });
    const { secrets } = readCompose('docker-compose.workers.yml', PASSWORDS);
    for (const { file } of Object.values(secrets)) expect(file).toBe('/dev/null');
  });
});

describe('the processes of Holdfast', () => {
  test.each(OWN)('%s is built from here, and not fetched under that name', (name) => {
    expect(workers[name]).toMatchObject({
      image: 'holdfast:local',
      build: { context: '.' },
      pull_policy: 'build',
    });
  });

  test.each(OWN)('%s is given only variables that exist, and settings it accepts', (name) => {
    const { environment } = workers[name]!;
    const known = new Set<string>(VARIABLE_NAMES.flatMap((variable) => [variable, `${variable}_FILE`]));
    expect(Object.keys(environment).filter((variable) => !known.has(variable))).toEqual([]);
    const config = loadConfig(environment);
    expect(config.postgres.connectionString).toBe('postgres://holdfast:of-postgres@postgres:5432/holdfast');
    expect(config.redis).toEqual({ url: 'redis://:of-redis@redis:6379/0' });
    expect(config.metrics).toEqual({ host: '0.0.0.0', port: 9090 });
    expect(config.coordinator.isEnabled).toBe(name === 'coordinator');
  });

  test('the API listens beyond its container, and its port is the published one', () => {
    const { api } = loadConfig(workers.api!.environment);
    expect(api).toMatchObject({ host: '0.0.0.0', port: workers.api!.ports[0]!.target });
  });

  test.each(['api', 'coordinator', 'worker'])('%s starts when the tables are up to date', (name) => {
    expect(workers[name]!.depends_on).toEqual({ migrate: { condition: 'service_completed_successfully' } });
  });

  test('migrations wait for the PostgreSQL of the profile, and for no other', () => {
    expect(workers.migrate!.depends_on).toEqual({
      postgres: { condition: 'service_healthy', required: false },
    });
    expect(workers.postgres!.profiles).toEqual(['postgres']);
    for (const name of OWN) expect(workers[name]!.profiles).toEqual([]);
  });

  test('workers: 2 to 5 replicas at 0.5 CPU and 256 MB, with nothing that two of them would fight over', () => {
    const { deploy, ports, volumes } = workers.worker!;
    expect(Number(deploy.replicas)).toBeGreaterThanOrEqual(2);
    expect(Number(deploy.replicas)).toBeLessThanOrEqual(5);
    expect(deploy.resources.limits).toEqual({ cpus: '0.5', memory: '256M' });
    expect([ports, volumes]).toEqual([[], []]);
  });

  test('five workers, API and coordinator stay below the connections of the PostgreSQL of the profile', () => {
    const { poolSize } = loadConfig(workers.worker!.environment).postgres;
    const setting = workers.postgres!.command!.find((argument) => argument.startsWith('max_connections='));
    // A listening connection of the leader's, and some for people.
    expect(7 * poolSize + 10).toBeLessThan(Number(setting?.split('=')[1]));
  });

  test('they get longer to stop than they may take', () => {
    const config = loadConfig(workers.worker!.environment);
    expect(config.worker.shutdownTimeoutMs).toBe(30_000);
    expect(seconds(workers.worker!.stop_grace_period) * 1_000).toBeGreaterThan(workerStopLimitMs(config));
    for (const name of ['api', 'coordinator'])
      expect(seconds(workers[name]!.stop_grace_period)).toBeGreaterThan(30);
  });

  test('the health check is the one of the image', () => {
    const test = (service?: Service) => (service?.healthcheck as { test: string[] }).test;
    for (const name of ['api', 'coordinator', 'worker'])
      expect(test(workers[name])).toEqual(['CMD', 'node', 'scripts/healthcheck.mjs']);
  });
});

test('Redis Commander 0.9 is on loopback:8081, cannot be put elsewhere, asks who is there, and only reads', () => {
  const elsewhere = { ...PASSWORDS, REDIS_BIND: '0.0.0.0', API_BIND: '0.0.0.0' };
  const { 'redis-commander': commander, redis: server } = readCompose(
    'docker-compose.redis.yml',
    elsewhere,
  ).services;
  expect(commander!.image).toMatch(/redis-commander:0\.9\./);
  expect(commander!.ports).toEqual([{ target: 8081, published: '8081', host_ip: '127.0.0.1' }]);
  expect(commander!.environment).toMatchObject({ HTTP_PASSWORD: 'of-redis', READ_ONLY: 'true' });
  expect(server!.ports[0]!.host_ip).toBe('0.0.0.0');
});

test('Redis may use at most half of the memory of its container', () => {
  const megabytes = (text = '') => Number(/^\d+/.exec(text)?.[0]);
  const { environment, deploy } = redis.redis!;
  expect(2 * megabytes(environment.REDIS_MAXMEMORY)).toBeLessThanOrEqual(
    megabytes(deploy.resources.limits.memory),
  );
});

test('variables are replaced as Compose does it', () => {
  const env = { A: 'a', EMPTY: '' };
  expect(interpolate('$$HOME ${A} ${EMPTY:-b} ${NONE:-${A:-c}} ${A:+${A}d} ${EMPTY:+e}', env)).toBe(
    '$HOME a b a ad ',
  );
  expect(() => interpolate('${EMPTY:?say ${A}}', env)).toThrow(
    'required variable EMPTY is missing a value: say a',
  );
});
