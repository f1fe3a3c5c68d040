import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createServer as createHttpServer, type Server, type ServerResponse } from 'node:http';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { eventually } from '../../support/eventually.js';
import { createTestDatabase, type TestDatabase } from '../../support/test-installation.js';
import { cleanUp, FIXTURE, startCli } from './cli-process.js';

let database: TestDatabase;
let client: pg.Client;
let env: NodeJS.ProcessEnv;
/** Jobs of type `ask` run until the test answers here. */
let questions: Server;

beforeAll(async () => {
  database = await createTestDatabase();
  client = new pg.Client(database.connectionString);
  await client.connect();
  env = {
    DATABASE_URL: database.connectionString,
    REDIS_URL: process.env.HOLDFAST_TEST_REDIS_URL ?? 'none',
  };
  questions = createHttpServer().listen(0, '127.0.0.1');
  await once(questions, 'listening');
});
afterEach(cleanUp);
afterAll(async () => {
  questions.closeAllConnections();
  questions.close();
  await client.end();
  await database.drop();
});

async function submit(type: string, payload: unknown): Promise<string> {
  const { rows } = await client.query<{ id: string }>('SELECT submit_job($1, $2) AS id', [type, payload]);
  return rows[0]?.id ?? '';
}

async function read(id: string): Promise<{ status: string; result: unknown }> {
  const { rows } = await client.query<{ status: string; result: unknown }>(
    'SELECT status, result FROM jobs WHERE id = $1',
    [id],
  );
  return rows[0] ?? { status: 'missing', result: null };
}

async function submitQuestion(): Promise<{ id: string; asked: Promise<ServerResponse> }> {
  const asked = once(questions, 'request').then(([, response]) => response as ServerResponse);
  const { port } = questions.address() as AddressInfo;
  return { id: await submit('ask', { url: `http://127.0.0.1:${port}` }), asked };
}

const startWorker = (more: NodeJS.ProcessEnv = {}) =>
  startCli(['worker', '--handlers', FIXTURE], { ...env, ...more });

test('a worker runs a job of a handler module that was submitted by SQL', async () => {
  const worker = startWorker();
  await worker.line(/greet.*worker ready/);
  const id = await submit('greet', { name: 'Ada' });
  const job = await eventually(`job ${id} is done`, async () => {
    const found = await read(id);
    return found.status === 'pending' || found.status === 'running' ? undefined : found;
  });
  expect(job).toEqual({ status: 'completed', result: { greeting: 'Hello, Ada' } });
  worker.send('SIGTERM');
  expect((await worker.ended).code).toBe(0);
});

test('a worker stores the schedules of a handler module', async () => {
  const worker = startWorker();
  await worker.line(/worker ready/);
  const { rows } = await client.query('SELECT name, job_type, payload, cron_expression FROM job_schedules');
  expect(rows).toEqual([
    { name: 'greet-ada', job_type: 'greet', payload: { name: 'Ada' }, cron_expression: '@yearly' },
  ]);
  worker.send('SIGTERM');
  expect((await worker.ended).code).toBe(0);
});

describe('a worker that is told to stop while a job runs', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('%s: lets it finish and ends with 0', async (signal) => {
    const worker = startWorker();
    await worker.line(/worker ready/);
    const { id, asked } = await submitQuestion();
    const response = await asked;
    worker.send(signal);
    await worker.line(/worker drains/);
    response.end('42');
    expect((await worker.ended).code).toBe(0);
    expect(await read(id)).toEqual({ status: 'completed', result: { answer: '42' } });
  });

  test('ends at once at the second signal', async () => {
    const worker = startWorker();
    await worker.line(/worker ready/);
    const { asked } = await submitQuestion();
    await asked;
    worker.send('SIGTERM');
    await worker.line(/worker drains/);
    worker.send('SIGINT');
    expect((await worker.ended).code).toBe(130);
  });

  test('aborts it after WORKER_SHUTDOWN_TIMEOUT, and gives it back', async () => {
    await client.query('DELETE FROM jobs');
    const worker = startWorker({ WORKER_SHUTDOWN_TIMEOUT: '100' });
    await worker.line(/worker ready/);
    const { id, asked } = await submitQuestion();
    await asked;
    worker.send('SIGTERM');
    expect((await worker.ended).code).toBe(0);
    expect((await read(id)).status).toBe('pending');
    await client.query('DELETE FROM jobs');
  });
});

test('a rejection that nobody handled is logged and ends the worker with 1', async () => {
  const worker = startWorker();
  await worker.line(/worker ready/);
  await submit('leak', {});
  const { code, stderr } = await worker.ended;
  expect(code).toBe(1);
  expect(stderr).toMatch(/a rejection that nobody handled.*leaked/);
});

describe('the status server', () => {
  test('serves health and metrics', async () => {
    const worker = startWorker({ METRICS_PORT: '0' });
    const [url = ''] = /http:\/\/[\d.:]+/.exec(await worker.line(/serving \/metrics/)) ?? [];
    await worker.line(/worker ready/);
    const ask = async (path: string) => {
      const response = await fetch(`${url}${path}`);
      return { status: response.status, body: await response.text() };
    };
    expect(await ask('/health/live')).toEqual({ status: 200, body: '{"status":"ok"}' });
    expect(await ask('/health/ready')).toEqual({ status: 200, body: '{"status":"ok"}' });
    const health = await ask('/health');
    expect(JSON.parse(health.body)).toMatchObject({
      status: 'ok',
      components: {
        postgres: { status: 'ok' },
        worker: { status: 'ok', id: expect.stringMatching(/^w-/), running: 0 },
      },
    });
    expect((await ask('/metrics')).body).toMatch(/^queue_depth_gauge\{status="pending"\} \d+$/m);
  });

  test('whose port is taken is a warning that names METRICS_PORT', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const worker = startWorker({ METRICS_PORT: String(port) });
    expect(await worker.line(/METRICS_PORT/)).toContain('EADDRINUSE');
    await worker.line(/worker ready/);
    worker.send('SIGTERM');
    expect((await worker.ended).code).toBe(0);
    other.close();
  });
});
