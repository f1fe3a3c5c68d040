import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startServers, type Servers } from '../../../servers/start-servers.js';
import { openInstallation, type Installation } from '../../../shared/installation.js';
import { migrate } from '../../../shared/postgres/migrate.js';
import { eventually } from '../../support/eventually.js';
import { hasRedis } from '../../support/test-installation.js';
import { startApi, type ApiServer } from './test-api.js';

/** Servers of one's own, to be taken away. What the environment names, or Docker runs, is not ours to stop. */
let servers: Servers;
let installation: Installation | undefined;
let api: ApiServer | undefined;
let skip: string | undefined;
const given = { ...process.env };

beforeAll(async () => {
  for (const name of ['DATABASE_URL', 'POSTGRES_HOST', 'REDIS_URL', 'REDIS_HOST']) delete process.env[name];
  servers = await startServers({ redis: hasRedis ? 'auto' : 'none' });
  if (!servers.postgres.isControllable) skip = 'PostgreSQL is not ours to stop';
  await migrate('up', { connectionString: servers.postgresUrl });
  installation = await openInstallation({
    postgres: { connectionString: servers.postgresUrl },
    redis: servers.redisUrl === null ? null : { url: servers.redisUrl },
  });
  api = await startApi(installation);
}, 60_000);
afterAll(async () => {
  await api?.stop();
  await installation?.close();
  await servers.stop();
  Object.assign(process.env, given);
});

const JOB = { job_type: 'x', payload: {} };
const submit = () => api!.post('/api/jobs', JOB);

const describeWithRedis = hasRedis ? describe : describe.skip;

describeWithRedis('with Redis away', () => {
  test('jobs are accepted all the same, health is degraded; and it comes back', async () => {
    const { redis } = servers;
    if (!redis?.isControllable) return;
    expect((await submit()).status).toBe(201);
    await redis.stop();
    expect((await submit()).status).toBe(201);
    const health = await api!.get('/health');
    expect(health.status).toBe(200);
    expect(health.body).toMatchObject({
      status: 'degraded',
      components: { postgres: { status: 'ok' }, redis: { status: 'unavailable' } },
    });
    expect((await api!.get('/health/ready')).status).toBe(200);
    await eventually('the failed push is counted', async () =>
      (await api!.get('/metrics')).text.includes('dispatch_failures_total{queue="default"} 1'),
    );
    await redis.start();
    await eventually(
      'Redis is seen again',
      async () => (await api!.get('/health')).body.components.redis?.status === 'ok',
    );
    expect((await submit()).status).toBe(201);
  });
});

describe('with PostgreSQL away', () => {
  test('every route says 503 and when to try again; and jobs are accepted when it is back', async () => {
    if (skip !== undefined) return;
    const { body } = await submit();
    await servers.postgres.stop();
    const answers = [
      await submit(),
      await api!.post('/api/jobs/batch', { jobs: [JOB] }),
      await api!.get('/api/jobs'),
      await api!.get(`/api/jobs/${body.job_id}`),
      await api!.delete(`/api/jobs/${body.job_id}`),
      await api!.post(`/api/jobs/${body.job_id}/retry`),
      await api!.get(`/api/jobs/${body.job_id}/events`),
    ];
    for (const answer of answers) {
      expect(answer.status).toBe(503);
      expect(answer.headers['retry-after']).toBe('2');
      expect(['postgres_unavailable', 'outcome_unknown']).toContain(answer.body.code);
      expect(answer.text).not.toMatch(/ECONN|127\.0\.0\.1|\.ts:/);
    }
    expect((await submit()).body.code).toBe('postgres_unavailable');

    expect(await api!.get('/health')).toMatchObject({
      status: 503,
      body: { status: 'unavailable', components: { postgres: { status: 'unavailable' } } },
    });
    expect(await api!.get('/health/ready')).toMatchObject({ status: 503, body: { status: 'unavailable' } });
    expect((await api!.get('/health/live')).status).toBe(200);
    const scraped = await api!.get('/metrics');
    expect(scraped.status).toBe(200);
    expect(scraped.text.includes('postgres_up_gauge 0')).toBe(true);
    expect(scraped.text.includes('queue_depth_gauge{')).toBe(false);

    await servers.postgres.start();
    expect((await submit()).status).toBe(201);
    expect((await api!.get('/health/ready')).status).toBe(200);
  });
});
