import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { createJobFollower } from '../../../api/job-follower.js';
import type { AnyJobDefinition } from '../../../shared/jobs/define-job.js';
import { createWorker, type Worker } from '../../../workers/create-worker.js';
import { eventually } from '../../support/eventually.js';
import { withQuery } from '../../support/spied-queries.js';
import { actJob, HeldRuns } from '../../support/test-jobs.js';
import { readEvents, type EventReader } from './event-reader.js';
import { startApi, startTestApi, type TestApi } from './test-api.js';

let api: TestApi;
let worker: Worker | undefined;
const readers: EventReader[] = [];
beforeAll(async () => {
  api = await startTestApi({ redis: false });
});
afterEach(async () => {
  await Promise.all(readers.splice(0).map((reader) => reader.close()));
  await worker?.stop();
  worker = undefined;
});
afterAll(() => api.close());

async function work(...jobs: AnyJobDefinition[]): Promise<void> {
  worker = createWorker({ installation: api.installation, jobs });
  await worker.start();
}
const submit = async (job_type: string, more: object = {}) =>
  (await api.post('/api/jobs', { job_type, payload: {}, ...more })).body.job_id;
async function follow(id: number, lastEventId?: string): Promise<EventReader> {
  const reader = await readEvents(`${api.url}/api/jobs/${id}/events`, lastEventId);
  readers.push(reader);
  return reader;
}

test('tells status, progress and logs as they come, and ends with the job', async () => {
  const held = new HeldRuns();
  const id = await submit('held');
  const reader = await follow(id);
  expect(reader.status).toBe(200);
  expect(reader.headers['content-type']).toBe('text/event-stream; charset=utf-8');
  expect(reader.headers['x-request-id']).toBeDefined();
  expect(await reader.next()).toMatchObject({ event: 'status', data: { job_id: id, status: 'pending' } });

  await work(held.job);
  const run = await held.run(0);
  expect(await reader.next()).toMatchObject({ event: 'status', data: { status: 'running', attempt: 1 } });
  run.ctx.progress(40);
  expect(await reader.next()).toMatchObject({ event: 'progress', data: { attempt: 1, percent: 40 } });
  run.ctx.log.info('nearly there');
  run.end({ isDone: true });
  const rest = await reader.rest();
  expect(rest.map(({ event }) => event)).toEqual(['logs', 'status']);
  expect(rest[0]?.data).toMatchObject({
    attempt: 1,
    status: 'completed',
    lines: [{ level: 'info', message: 'nearly there' }],
  });
  expect(rest[1]?.data).toMatchObject({ status: 'completed', result: { isDone: true } });
});

test('a job that has ended is told as a whole, each attempt with its logs', async () => {
  const flaky = actJob('flaky', (_payload, { attempt, log }) => {
    log.warn(`try ${attempt}`);
    throw new Error('always');
  });
  const id = await submit('flaky', { max_retries: 0 });
  await work(flaky);
  await eventually('it fails', async () => (await api.get(`/api/jobs/${id}`)).body.job.status === 'failed');
  const all = await (await follow(id)).rest();
  expect(all.map(({ event, data }) => [event, data.status])).toEqual([
    ['logs', 'failed'],
    ['status', 'failed'],
  ]);
  expect(all[1]?.data).toMatchObject({ error_message: 'always', error_class: 'unknown' });
});

test('Last-Event-ID goes on where it left off, also at another process; 204 when nothing is left', async () => {
  const held = new HeldRuns();
  const id = await submit('held');
  await work(held.job);
  const run = await held.run(0);
  run.ctx.progress(10);
  const first = await follow(id);
  const seen = [await first.next(), await first.next()];
  expect(seen.map((event) => event?.event)).toEqual(['status', 'progress']);
  await first.close();

  const other = await startApi(api.installation);
  try {
    run.end();
    const resumed = await readEvents(`${other.url}/api/jobs/${id}/events`, seen[1]?.id);
    readers.push(resumed);
    const rest = await resumed.rest();
    expect(rest.map(({ event, data }) => [event, data.status])).toEqual([
      ['logs', 'completed'],
      ['status', 'completed'],
    ]);
    const again = await follow(id, rest.at(-1)?.id);
    expect(again.status).toBe(204);
    // In between: only what came after.
    expect((await (await follow(id, rest[0]?.id)).rest()).map(({ event }) => event)).toEqual(['status']);
  } finally {
    await other.stop();
  }
});

test('a job that is cancelled, or deleted, ends its stream', async () => {
  const cancelled = await submit('nobody');
  const deleted = await submit('nobody');
  const [one, two] = [await follow(cancelled), await follow(deleted)];
  await api.delete(`/api/jobs/${cancelled}`);
  await api.sql('DELETE FROM jobs WHERE id = $1', [deleted]);
  expect((await one.rest()).map(({ data }) => data.status)).toEqual(['pending', 'cancelled']);
  expect((await two.rest()).map(({ data }) => data.status)).toEqual(['pending']);
});

test('is 404 for no job, and 400 for an id that was never sent', async () => {
  expect((await api.get('/api/jobs/999999999/events')).status).toBe(404);
  const id = await submit('nobody');
  expect(await api.get(`/api/jobs/${id}/events`, { 'last-event-id': 'nonsense' })).toMatchObject({
    status: 400,
    body: { details: [{ field: 'last-event-id' }] },
  });
});

test('a result larger than what may wait unread is told, in one piece', async () => {
  const result = 'x'.repeat(1_048_400);
  const id = await submit('large');
  await work(actJob('large', () => result));
  await eventually('it ends', async () => (await api.get(`/api/jobs/${id}`)).body.job.status === 'completed');
  const all = await (await follow(id)).rest();
  expect(all.at(-1)?.data).toMatchObject({ status: 'completed', result });
});

test('a client that leaves before its stream is open is not followed', async () => {
  let looks = 0;
  let letGo = (): void => undefined;
  const stalled = new Promise<void>((resolve) => (letGo = resolve));
  let isAsked = (): void => undefined;
  const asked = new Promise<void>((resolve) => (isAsked = resolve));
  const db = withQuery(api.installation.db, async (run, text, values) => {
    const isLook = text.includes('THEN result END AS result') && (values?.[0] as number[]).includes(id);
    if (isLook && ++looks === 1) {
      isAsked();
      await stalled;
    }
    return run(text, values);
  });
  const other = await startApi({ ...api.installation, db });
  const id = await submit('nobody');
  const left = new AbortController();
  const asking = fetch(`${other.url}/api/jobs/${id}/events`, { signal: left.signal }).catch(() => undefined);
  await asked;
  left.abort();
  await asking;
  // So that the server has heard of it.
  for (let n = 0; n < 3; n++) await other.get('/health');
  letGo();
  // Somebody else is followed: each round looks for all who are.
  const reader = await readEvents(`${other.url}/api/jobs/${await submit('nobody')}/events`);
  readers.push(reader);
  await reader.next();
  const before = looks;
  await new Promise((resolve) => setTimeout(resolve, 600));
  expect(looks).toBe(before);
  await other.stop();
});

test('a server that closes ends its streams, so that clients go elsewhere', async () => {
  const other = await startApi(api.installation);
  const id = await submit('nobody');
  const reader = await readEvents(`${other.url}/api/jobs/${id}/events`);
  readers.push(reader);
  await reader.next();
  await other.stop();
  expect(await reader.next()).toBeUndefined();
});

test('a hundred listeners of twenty jobs are all told', async () => {
  const ids = await Promise.all(Array.from({ length: 20 }, () => submit('nobody')));
  const all = await Promise.all(Array.from({ length: 100 }, (_, n) => follow(ids[n % 20]!)));
  for (const reader of all) await reader.next();
  await Promise.all(ids.map((id) => api.delete(`/api/jobs/${id}`)));
  for (const reader of all) {
    expect((await reader.rest()).map(({ data }) => data.status)).toEqual(['cancelled']);
  }
});

test('who asks to be told when the server has closed is ended at once', async () => {
  const follower = createJobFollower(api.installation);
  await follower.close();
  let isEnded = false;
  follower.follow(1, { look: () => undefined, end: () => (isEnded = true) });
  expect([isEnded, follower.count]).toEqual([true, 0]);
});
