import type { AddressInfo } from 'node:net';
import { afterAll, expect, test } from '@jest/globals';
import { Pool } from 'undici';
import { buildServer } from '../../api/build-server.js';
import { createMetrics } from '../../shared/observe/metrics.js';
import { silentLogger } from '../../shared/observe/logger.js';
import { eventually } from '../support/eventually.js';
import { forkWorker } from '../support/fork-worker.js';
import { createTestInstallation } from '../support/test-installation.js';

/** `HTTP_JOBS=100000 npm test -- http-to-done` is the long form. */
const JOBS = Number(process.env.HTTP_JOBS ?? 3_000);
const CLIENTS = 4;
const IN_FLIGHT = 16;
const WORKERS = 3;

const db = await createTestInstallation();
afterAll(() => db.close());

/** One client: connections of its own, so many requests at a time, alternating single and batch submits. */
async function submitOverHttp(origin: string, count: number): Promise<number[]> {
  const pool = new Pool(origin, { connections: IN_FLIGHT });
  const ids: number[] = [];
  let left = count;
  const post = async (path: string, body: unknown) => {
    const answer = await pool.request({
      path,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const parsed = (await answer.body.json()) as { job_id?: number; job_ids?: number[] };
    if (answer.statusCode !== 201) throw new Error(`${answer.statusCode}: ${JSON.stringify(parsed)}`);
    ids.push(...(parsed.job_ids ?? [parsed.job_id as number]));
  };
  const lane = async () => {
    while (left > 0) {
      const isBatch = left % 2 === 0 && left >= 10;
      left -= isBatch ? 10 : 1;
      const job = { job_type: 'echo', payload: { left } };
      await (isBatch
        ? post('/api/jobs/batch', { jobs: Array.from({ length: 10 }, () => job) })
        : post('/api/jobs', job));
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  await pool.close();
  return ids;
}

test(`${JOBS} jobs submitted over HTTP by ${CLIENTS} clients are completed by ${WORKERS} worker processes, once each`, async () => {
  const server = await buildServer({
    installation: db.installation,
    metrics: createMetrics({ events: db.installation.events }),
    logger: silentLogger,
  });
  await server.listen({ host: '127.0.0.1', port: 0 });
  const origin = `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`;
  const workers = await Promise.all(
    Array.from({ length: WORKERS }, () => forkWorker('echo-worker-process', db)),
  );
  try {
    const ids = (
      await Promise.all(Array.from({ length: CLIENTS }, () => submitOverHttp(origin, JOBS / CLIENTS)))
    ).flat();
    expect(new Set(ids).size).toBe(JOBS);
    await eventually(
      'all are completed',
      async () => (await db.sql(`SELECT 1 FROM jobs WHERE completed_at IS NULL LIMIT 1`)).length === 0,
      120_000,
    );
    expect(await db.sql(`SELECT status, count(*) AS n FROM jobs GROUP BY 1`)).toEqual([
      { status: 'completed', n: JOBS },
    ]);
    expect(
      await db.sql(
        `SELECT status, attempt, count(*) AS n, count(DISTINCT job_id) AS jobs FROM job_executions GROUP BY 1, 2`,
      ),
    ).toEqual([{ status: 'completed', attempt: 1, n: JOBS, jobs: JOBS }]);
  } finally {
    for (const worker of workers) await worker.stop();
    await server.close();
  }
}, 300_000);
