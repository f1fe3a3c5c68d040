import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createClient } from '../../../shared/client/create-client.js';
import { claimJobs } from '../../../shared/jobs/claim-jobs.js';
import type { NewJob, SubmittedJob } from '../../../shared/jobs/new-job.js';
import { submitJobs, submitJobsIn } from '../../../shared/jobs/submit-jobs.js';
import { isPostgresError } from '../../../shared/postgres/postgres-error.js';
import { registerWorker } from '../../../shared/workers/registry.js';
import { Coordinator } from '../../../workers/coordinator/coordinator.js';
import { createWorker } from '../../../workers/create-worker.js';
import { eventually } from '../../support/eventually.js';
import { createTestInstallation, hasRedis, type TestInstallation } from '../../support/test-installation.js';
import { actJob } from '../../support/test-jobs.js';

const describeWithRedis = hasRedis ? describe : describe.skip;
const db: TestInstallation = await createTestInstallation({ poolSize: 20 });
const alone: TestInstallation = await createTestInstallation({ redis: false, poolSize: 20 });
const echo = actJob('echo', (payload) => payload);
const stopping: { stop(): Promise<void> }[] = [];
beforeEach(async () => {
  for (const one of [db, alone])
    await one.sql('TRUNCATE jobs, job_executions, job_dependencies, claim_batches, workers');
});
afterEach(async () => {
  for (const service of stopping.splice(0).reverse()) await service.stop();
});
afterAll(async () => {
  await db.close();
  await alone.close();
});

const job = (overrides: Partial<NewJob> = {}): NewJob => ({
  jobType: 'echo',
  payload: { v: 0 },
  uniqueKey: 'report',
  ...overrides,
});
const replacement = (overrides: Partial<NewJob> = {}): NewJob =>
  job({ payload: { v: 1 }, uniquePolicy: 'replace_payload', ...overrides });
const submit = async (one: NewJob, to: TestInstallation = alone): Promise<SubmittedJob> =>
  (await submitJobs(to.installation, [one]))[0]!;
const rowOf = async (id: number, of: TestInstallation = alone) =>
  (await of.sql('SELECT * FROM jobs WHERE id = $1', [id]))[0]!;
const TOMORROW = new Date(Date.now() + 86_400_000);

describe('a submit that replaces what waits under its unique key', () => {
  test('replaces the payload, and the priority and time that it gives; id and age stay', async () => {
    const first = await submit(job({ priority: 10, scheduledAt: TOMORROW, maxRetries: 7 }));
    const before = await rowOf(first.id);
    expect(await submit(replacement())).toEqual({ ...first, isExisting: true, wasReplaced: true });
    expect(await rowOf(first.id)).toEqual({ ...before, payload: { v: 1 }, updated_at: expect.any(Date) });
    await submit(replacement({ payload: { v: 2 }, priority: 90, delayMs: 60_000 }));
    const [now] = await alone.sql(
      `SELECT payload, priority, max_retries, scheduled_at < now() + interval '2 minutes' AS soon FROM jobs`,
    );
    expect(now).toEqual({ payload: { v: 2 }, priority: 90, max_retries: 7, soon: true });
  });

  test.each([
    ['replaces', replacement],
    ['finds', job],
  ])(
    'with an idempotency key: the request that %s, sent again when that job has finished, is answered with it',
    async (_what, request) => {
      const first = await submit(job());
      const keyed = request({ payload: { v: 1 }, idempotencyKey: 'order-17' });
      expect((await submit(keyed)).id).toBe(first.id);
      await alone.sql(`UPDATE jobs SET status = 'completed', completed_at = now()`);
      expect(await submit(keyed)).toMatchObject({ id: first.id, isExisting: true, wasReplaced: false });
      const another = submit({ ...keyed, payload: { v: 2 } });
      await expect(another).rejects.toMatchObject({ code: 'idempotency_key_reused' });
    },
  );

  test('without the policy changes nothing', async () => {
    const first = await submit(job());
    expect(await submit(job({ payload: { v: 1 } }))).toEqual({ ...first, isExisting: true });
    expect((await rowOf(first.id)).payload).toEqual({ v: 0 });
  });

  test('leaves alone a job that runs, and one of another type, and says so', async () => {
    const { id } = await submit(job());
    const other = { id, isExisting: true, wasReplaced: false };
    expect(await submit(replacement({ jobType: 'mail' }))).toMatchObject(other);
    await alone.sql(`UPDATE jobs SET status = 'running', attempt = 1, started_at = now()`);
    expect(await submit(replacement())).toMatchObject(other);
    expect((await rowOf(id)).payload).toEqual({ v: 0 });
    await alone.sql(`UPDATE jobs SET status = 'completed', completed_at = now()`);
    expect(await submit(replacement())).toMatchObject({ isExisting: false, wasReplaced: false });
  });

  test('with an idempotency key that was used replaces nothing a second time', async () => {
    const first = await submit(replacement({ idempotencyKey: 'order-1' }));
    await submit(replacement({ payload: { v: 2 } }));
    const again = await submit(replacement({ idempotencyKey: 'order-1' }));
    expect(again).toMatchObject({ id: first.id, isExisting: true, wasReplaced: false });
    expect((await rowOf(first.id)).payload).toEqual({ v: 2 });
  });

  test('refuses a payload that cannot be stored, and keeps the one that is there', async () => {
    const { id } = await submit(job());
    await expect(submit(replacement({ payload: { text: 'a\u0000b' } }))).rejects.toMatchObject({
      code: 'validation_failed',
    });
    expect((await rowOf(id)).payload).toEqual({ v: 0 });
  });

  test("in a caller's transaction replaces when that commits, and not when it is rolled back", async () => {
    const { id } = await submit(job());
    const replaceIn = (fails: boolean) =>
      alone.installation.db.transaction(async (tx) => {
        expect(await submitJobsIn(tx, [replacement()])).toMatchObject([{ id, wasReplaced: true }]);
        if (fails) throw new Error('rolled back');
      });
    await expect(replaceIn(true)).rejects.toThrow('rolled back');
    expect((await rowOf(id)).payload).toEqual({ v: 0 });
    await replaceIn(false);
    expect((await rowOf(id)).payload).toEqual({ v: 1 });
  });

  test('a hundred times at once: one row, with the payload of one of them', async () => {
    const all = await Promise.all(
      Array.from({ length: 100 }, (_, v) => submit(replacement({ payload: { v } }))),
    );
    expect(new Set(all.map(({ id }) => id)).size).toBe(1);
    expect(all.filter(({ isExisting }) => !isExisting)).toHaveLength(1);
    expect(all.filter(({ wasReplaced }) => wasReplaced)).toHaveLength(99);
    expect(await alone.sql('SELECT count(*) AS n FROM jobs')).toEqual([{ n: 1 }]);
  });

  test('by the client needs a unique key', async () => {
    const client = await createClient(alone);
    await client.submit(echo, { v: 0 }, { uniqueKey: 'k' });
    expect(
      await client.submit(echo, { v: 1 }, { uniqueKey: 'k', uniquePolicy: 'replace_payload' }),
    ).toMatchObject({ wasReplaced: true });
    await expect(client.submit(echo, {}, { uniquePolicy: 'replace_payload' })).rejects.toMatchObject({
      details: [{ field: 'uniquePolicy' }],
    });
  });
});

describe('submit_job with unique_policy', () => {
  const submitSql = async (options: string) =>
    (await alone.sql<{ id: number }>(`SELECT submit_job('echo', unique_key => 'k', ${options}) AS id`))[0]!
      .id;

  test('replaces as the library does', async () => {
    const id = await submitSql(`payload => '{"v": 0}', priority => 10`);
    expect(await submitSql(`payload => '{"v": 1}'`)).toBe(id);
    expect(await rowOf(id)).toMatchObject({ payload: { v: 0 }, priority: 10 });
    const replace = `unique_policy => 'replace_payload'`;
    expect(await submitSql(`payload => '{"v": 2}', ${replace}`)).toBe(id);
    expect(await rowOf(id)).toMatchObject({ payload: { v: 2 }, priority: 10, scheduled_at: null });
    await submitSql(`priority => 20, scheduled_at => now() + interval '1 day', ${replace}`);
    expect(await rowOf(id)).toMatchObject({ payload: {}, priority: 20, scheduled_at: expect.any(Date) });
    await alone.sql(`UPDATE jobs SET status = 'running', attempt = 1, started_at = now()`);
    expect(await submitSql(`payload => '{"v": 3}', ${replace}`)).toBe(id);
    expect((await rowOf(id)).payload).toEqual({});
  });

  test('keeps the defaults of a new job, and refuses a policy that there is not', async () => {
    expect(await rowOf(await submitSql(`payload => '{}'`))).toMatchObject({ priority: 50 });
    await expect(submitSql(`unique_policy => 'replace'`)).rejects.toMatchObject({ kind: 'bad_value' });
  });
});

describeWithRedis('a job whose time or priority is replaced', () => {
  test('runs when it is due now', async () => {
    const coordinator = new Coordinator({ installation: db.installation });
    const worker = createWorker({ installation: db.installation, jobs: [echo], pollIntervalMs: 600_000 });
    stopping.push(coordinator, worker);
    await coordinator.start();
    await worker.start();
    const { id } = await submit(job({ scheduledAt: TOMORROW }), db);
    await submit(replacement({ scheduledAt: new Date(0) }), db);
    await eventually('it has run', async () => (await rowOf(id, db)).status === 'completed');
    expect((await rowOf(id, db)).result).toEqual({ v: 1 });
  });

  test('is in the lane of its new priority; one that keeps its priority is not pushed again', async () => {
    const keys = db.installation.lanes!.keys('lanes');
    const length = (priority: number) => db.installation.lanes!.connection.llen(keys.lane(priority));
    await submit(job({ queue: 'lanes', uniqueKey: undefined }), db);
    await submit(job({ queue: 'lanes', priority: 20 }), db);
    await eventually('it was pushed', async () => (await length(20)) === 1);
    for (let v = 0; v < 5; v++) await submit(replacement({ queue: 'lanes', priority: 20 }), db);
    await submit(replacement({ queue: 'lanes', priority: 30 }), db);
    await eventually('it was pushed', async () => (await length(30)) === 1);
    expect(await length(20)).toBe(1);
  });
});

describe('races of a replacement with a claim', () => {
  test('a claim sees the payload of the replacement that came first, or the replacement says that it came too late', async () => {
    const { db: database } = alone.installation;
    await registerWorker(database, 'w-race', {
      queues: ['default'],
      jobTypes: ['echo'],
      concurrency: 1,
      deadAfterMs: 600_000,
    });
    let replacedFirst = 0;
    let claimedFirst = 0;
    const race = async (n: number) => {
      const uniqueKey = `race-${n}`;
      const { id } = await submit(job({ uniqueKey }));
      const request = { workerId: 'w-race', batchNo: n, jobTypes: ['echo'], mayClaimSuspect: true };
      // On a machine that stalls, the lock of the replacement outlasts the claim's patience.
      const claim = (): ReturnType<typeof claimJobs> =>
        claimJobs(database, [id], request).catch((error: unknown) => {
          if (isPostgresError(error, 'lock_conflict')) return claim();
          throw error;
        });
      const [replaced, claimed] = await Promise.all([submit(replacement({ uniqueKey })), claim()]);
      expect(replaced).toMatchObject({ id, isExisting: true });
      expect(claimed.map(({ payload }) => payload)).toEqual([{ v: replaced.wasReplaced ? 1 : 0 }]);
      expect((await rowOf(id)).payload).toEqual({ v: replaced.wasReplaced ? 1 : 0 });
      if (replaced.wasReplaced) replacedFirst++;
      else claimedFirst++;
    };
    for (let n = 0; n < 3_000; n += 10) await Promise.all(Array.from({ length: 10 }, (_, i) => race(n + i)));
    expect(replacedFirst + claimedFirst).toBe(3_000);
    expect(replacedFirst).toBeGreaterThan(0);
    expect(claimedFirst).toBeGreaterThan(0);
  }, 120_000);

  test.each([
    ['through Redis', () => db],
    ['by polls of PostgreSQL', () => alone],
  ])(
    'a worker that takes jobs %s runs each with the payload that was replaced last',
    async (_how, choose) => {
      const on = choose();
      const worker = createWorker({
        installation: on.installation,
        jobs: [echo],
        concurrency: 10,
        pollIntervalMs: 20,
      });
      stopping.push(worker);
      await worker.start();
      /** By job: what the last submit that took effect said. */
      const expected = new Map<number, number>();
      const told = { replaced: 0, kept: 0 };
      const submitAndReplace = async (n: number) => {
        for (let v = 0; v < 4; v++) {
          const one = replacement({ uniqueKey: `key-${n}`, payload: { v } });
          const { id, isExisting, wasReplaced } = await submit(one, on);
          if (!isExisting || wasReplaced) expected.set(id, v);
          if (isExisting) told[wasReplaced ? 'replaced' : 'kept']++;
        }
      };
      for (let n = 0; n < 1_000; n += 20)
        await Promise.all(Array.from({ length: 20 }, (_, i) => submitAndReplace(n + i)));
      await eventually('all have run', async () => {
        const rows = await on.sql(`SELECT 1 FROM jobs WHERE status <> 'completed' LIMIT 1`);
        return rows.length === 0;
      });
      const rows = await on.sql<{ id: number; v: number }>(`SELECT id, (result ->> 'v')::int AS v FROM jobs`);
      expect(new Map(rows.map(({ id, v }) => [id, v]))).toEqual(expected);
      expect(told.replaced).toBeGreaterThan(0);
      expect(await on.sql('SELECT max(attempt) AS most FROM job_executions')).toEqual([{ most: 1 }]);
    },
    120_000,
  );
});
