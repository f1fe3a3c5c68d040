import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createClient, type Client } from '../../../shared/client/create-client.js';
import { openInstallation, type Installation } from '../../../shared/installation.js';
import { PermanentError, SnoozeError, TransientError } from '../../../shared/jobs/job-errors.js';
import type { Service } from '../../../shared/lifecycle/service.js';
import { createEventHub, type EventHub } from '../../../shared/observe/events.js';
import { Coordinator } from '../../../workers/coordinator/coordinator.js';
import { createWorker } from '../../../workers/create-worker.js';
import { eventually } from '../../support/eventually.js';
import { startProxyTo } from '../../support/tcp-proxy.js';
import { createTestInstallation, hasRedis } from '../../support/test-installation.js';
import { actJob } from '../../support/test-jobs.js';

/** PostgreSQL commits, and whoever asked never hears of it: the connection breaks before the answer. */
const db = await createTestInstallation();
const proxy = await startProxyTo(db.connectionString);
const stopping: Service[] = [];
let events: EventHub;
/** On the far side of the proxy; `db` looks at the tables directly. */
let installation: Installation;
let client: Client;
let runs: number;
let settled: string[];

const acts: Record<string, (attempt: number) => unknown> = {
  completes: () => 'done',
  'fails first': (attempt) => {
    if (attempt === 1) throw new TransientError('not yet');
  },
  'fails for good': () => {
    throw new PermanentError('never');
  },
  'snoozes first': (attempt) => {
    if (attempt === 1) throw new SnoozeError(1);
  },
};
const job = actJob('act', ({ act }, { attempt }) => {
  runs++;
  return acts[act as string]!(attempt);
});

async function open(redis: boolean): Promise<void> {
  events = createEventHub();
  runs = 0;
  settled = [];
  events.on('settled', (outcomes) => settled.push(...outcomes.map((one) => `${one.attempt} ${one.kind}`)));
  installation = await openInstallation({
    postgres: { connectionString: proxy.url },
    redis: redis && db.redisUrl !== null ? { url: db.redisUrl } : null,
    events,
  });
  client = await createClient({ installation });
}
async function start(service: Service): Promise<void> {
  stopping.push(service);
  await service.start();
}
const work = () => start(createWorker({ installation, jobs: [job], pollIntervalMs: 100 }));
const coordinate = () => start(new Coordinator({ installation: db.installation }));
const finished = (id: number) =>
  eventually(`job ${id} finishes`, async () => {
    const [row] = await db.sql('SELECT * FROM jobs WHERE id = $1 AND completed_at IS NOT NULL', [id]);
    return row;
  });
const attempts = async () =>
  (await db.sql('SELECT attempt, status FROM job_executions ORDER BY attempt')).map((row) =>
    Object.values(row).join(' '),
  );

beforeEach(() => open(hasRedis));
afterEach(async () => {
  proxy.cancelDrop();
  for (const service of stopping.splice(0).reverse()) await service.stop();
  await installation.close();
  await db.sql('TRUNCATE jobs, job_executions, job_dependencies, dead_letter_jobs, claim_batches, workers');
});
afterAll(async () => {
  await proxy.close();
  await db.close();
});

describe('a submit whose reply is lost', () => {
  test('is told as an unknown outcome: the job is there once, and runs once', async () => {
    const dropped = proxy.dropReplyTo('INSERT INTO jobs');
    await expect(client.submit(job, { act: 'completes' })).rejects.toMatchObject({ code: 'outcome_unknown' });
    await dropped;
    const [row] = await db.sql<{ id: number }>('SELECT id FROM jobs');
    await work();
    await finished(row!.id);
    expect(await db.sql('SELECT status, attempt FROM jobs')).toEqual([{ status: 'completed', attempt: 1 }]);
    expect(runs).toBe(1);
  });

  test('may be repeated with its idempotency key: it is the same job', async () => {
    const options = { idempotencyKey: 'order-1' };
    const dropped = proxy.dropReplyTo('COMMIT');
    const submit = () => client.submit(job, { act: 'completes' }, options);
    await expect(submit()).rejects.toMatchObject({ code: 'outcome_unknown' });
    await dropped;
    const again = await submit();
    expect(again.isExisting).toBe(true);
    expect(await db.sql('SELECT id FROM jobs')).toEqual([{ id: again.id }]);
  });
});

describe('a claim whose reply is lost', () => {
  test.each([
    ['by ids from Redis', hasRedis, 'id = ANY ($2::bigint[])'],
    ['by a look in PostgreSQL', false, 'FOR UPDATE SKIP LOCKED) lane_job'],
  ])('%s, is released without a charge, and the job runs once', async (_how, redis, text) => {
    await installation.close();
    await open(redis);
    const { id } = await client.submit(job, { act: 'completes' });
    const dropped = proxy.dropReplyTo(text);
    await work();
    await dropped;
    expect(await finished(id)).toMatchObject({
      status: 'completed',
      attempt: 2,
      retry_count: 0,
      lost_count: 0,
    });
    expect(await attempts()).toEqual(['1 released', '2 completed']);
    expect(runs).toBe(1);
  });
});

describe('a settle whose reply is lost is found on record, when the attempt', () => {
  test.each([
    ['completes', `SET status = 'completed'`, ['1 completed']],
    ['fails first', 'retry_count = retry_count + 1', ['1 failed', '2 completed']],
    ['fails for good', `SET status = 'failed'`, ['1 failed']],
    ['snoozes first', `its ->> 'note'`, ['1 released', '2 completed']],
  ])('%s', async (act, text, expected) => {
    await coordinate();
    await work();
    const dropped = proxy.dropReplyTo(text);
    const { id } = await client.submit(job, { act });
    const child = await client.submit(
      job,
      { act: 'completes' },
      { dependsOn: [{ jobId: id, onFailure: 'run' }] },
    );
    await dropped;
    await finished(child.id);
    const own = await db.sql<{ attempt: number; status: string }>(
      'SELECT attempt, status FROM job_executions WHERE job_id = $1 ORDER BY attempt',
      [id],
    );
    expect(own.map(({ attempt, status }) => `${attempt} ${status}`)).toEqual(expected);
    // Each attempt was run, and told of, once; the child's with them.
    expect(runs).toBe(expected.length + 1);
    await eventually('all is told', () => settled.length >= runs);
    expect(settled).toHaveLength(expected.length + 1);
    const letters = await db.sql('SELECT job_id FROM dead_letter_jobs');
    expect(letters).toHaveLength(act === 'fails for good' ? 1 : 0);
  });
});
