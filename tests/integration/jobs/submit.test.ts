import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { createClient } from '../../../shared/client/create-client.js';
import { openInstallation, type Installation } from '../../../shared/installation.js';
import { defineJob } from '../../../shared/jobs/define-job.js';
import type { NewJob } from '../../../shared/jobs/new-job.js';
import { SubmitCoalescer } from '../../../shared/jobs/submit-coalescer.js';
import { submitJobs, submitJobsIn } from '../../../shared/jobs/submit-jobs.js';
import type { Database } from '../../../shared/postgres/create-database.js';
import { PostgresError } from '../../../shared/postgres/postgres-error.js';
import { startProxyTo } from '../../support/tcp-proxy.js';
import { counted, withQuery } from '../../support/spied-queries.js';
import { createTestInstallation, type TestInstallation } from '../../support/test-installation.js';

const db: TestInstallation = await createTestInstallation({ redis: false });
beforeEach(() => db.sql('TRUNCATE jobs, job_executions, job_dependencies'));
afterAll(() => db.close());

const job = (overrides: Partial<NewJob> = {}): NewJob => ({ jobType: 'mail', payload: {}, ...overrides });
const count = async () => (await db.sql<{ n: number }>('SELECT count(*) AS n FROM jobs'))[0]!.n;

const installationWith = (spied: Database): Installation => ({ ...db.installation, db: spied });

describe('single submits at the same time', () => {
  test('share few INSERTs, and each caller gets the id of its own job', async () => {
    const { db: spied, statements } = counted(db.installation.db);
    const coalescer = new SubmitCoalescer(installationWith(spied), { maxBatch: 100 });
    const jobs = await Promise.all(
      Array.from({ length: 300 }, (_, n) => coalescer.submit(job({ payload: { n } }))),
    );
    expect(statements()).toBeLessThan(30);
    const rows = await db.sql<{ id: number; n: number }>(`SELECT id, (payload ->> 'n')::int AS n FROM jobs`);
    expect(new Map(rows.map(({ id, n }) => [n, id]))).toEqual(new Map(jobs.map(({ id }, n) => [n, id])));
  });

  test('that cannot be stored fail alone, and say why', async () => {
    const ring: Record<string, unknown> = {};
    ring.ring = ring;
    const bad = new Map<number, NewJob>([
      [3, job({ payload: { text: 'a\u0000b' } })],
      [7, job({ payload: ring })],
      [11, job({ queue: 'Not A Queue' })],
      [13, job({ priority: 4_000 })],
    ]);
    const coalescer = new SubmitCoalescer(db.installation);
    const answers = await Promise.allSettled(
      Array.from({ length: 20 }, (_, n) => coalescer.submit(bad.get(n) ?? job())),
    );
    expect(answers.flatMap(({ status }, n) => (status === 'rejected' ? [n] : []))).toEqual([...bad.keys()]);
    for (const n of bad.keys()) expect(answers[n]).toMatchObject({ reason: { code: 'validation_failed' } });
    expect(await count()).toBe(16);
  });

  test('of many kinds are stored in the order in which they came', async () => {
    const metadata = { from: 'import' };
    const jobs = Array.from({ length: 40 }, (_, n) =>
      job({
        payload: { n },
        ...(n % 3 === 0 ? { priority: 90 } : {}),
        ...(n % 4 < 2 ? { queue: 'mail', metadata } : {}),
        ...(n % 5 === 0 ? { delayMs: 60_000, tags: [`n-${n}`] } : {}),
      }),
    );
    const submitted = await submitJobs(db.installation, jobs);
    const rows = await db.sql(
      `SELECT id, (payload ->> 'n')::int AS n, priority, queue, metadata, tags, scheduled_at > now() AS later FROM jobs ORDER BY id`,
    );
    expect(rows).toEqual(
      jobs.map(({ priority = 50, queue = 'default', metadata: own = null, tags = null }, n) => ({
        id: submitted[n]!.id,
        n,
        priority,
        queue,
        metadata: own,
        tags,
        later: n % 5 === 0 ? true : null,
      })),
    );
  });

  test('whose COMMIT is unknown are not repeated, and their callers are told', async () => {
    const cutOff = withQuery(db.installation.db, async (run, text, values) => {
      await run(text, values);
      throw new PostgresError(new Error('Connection terminated unexpectedly'), true);
    });
    await expect(new SubmitCoalescer(installationWith(cutOff)).submit(job())).rejects.toMatchObject({
      code: 'outcome_unknown',
    });
    expect(await count()).toBe(1);
  });

  test('that never reached PostgreSQL are refused as such', async () => {
    const away = withQuery(db.installation.db, () =>
      Promise.reject(new PostgresError(new Error('connect ECONNREFUSED'), false)),
    );
    await expect(new SubmitCoalescer(installationWith(away)).submit(job())).rejects.toMatchObject({
      code: 'postgres_unavailable',
    });
  });
});

describe('a key that somebody’s open transaction has submitted', () => {
  test('is refused as busy soon, and keeps no connection from others', async () => {
    const small = await openInstallation({
      postgres: { connectionString: db.connectionString, poolSize: 2 },
    });
    try {
      await db.installation.db.transaction(async (tx) => {
        await submitJobsIn(tx, [job({ uniqueKey: 'k' })]);
        const keyed = Array.from({ length: 3 }, () => submitJobs(small, [job({ uniqueKey: 'k' })]));
        const answers = Promise.allSettled(keyed);
        expect(await submitJobs(small, [job()])).toHaveLength(1);
        for (const answer of await answers)
          expect(answer).toMatchObject({ status: 'rejected', reason: { code: 'busy' } });
      });
      expect(await submitJobs(small, [job({ uniqueKey: 'k' })])).toMatchObject([{ isExisting: true }]);
    } finally {
      await small.close();
    }
  }, 30_000);
});

describe('many jobs in one submit', () => {
  test('are all stored, in order, or none is', async () => {
    const jobs = await submitJobs(
      db.installation,
      Array.from({ length: 1_000 }, (_, n) => job({ payload: { n } })),
    );
    expect(jobs.map(({ id }) => id)).toEqual(jobs.map(({ id }) => id).sort((a, b) => a - b));
    await expect(submitJobs(db.installation, [job(), job({ priority: -1 }), job()])).rejects.toMatchObject({
      code: 'validation_failed',
    });
    await expect(
      submitJobs(db.installation, [job(), job({ dependsOn: [{ jobId: 999_999_999 }] })]),
    ).rejects.toMatchObject({
      code: 'validation_failed',
      details: [{ field: 'depends_on' }],
    });
    expect(await count()).toBe(1_000);
  });
});

describe('submits that depend on the same jobs in another order', () => {
  test('are all stored, whoever has to wait for whom', async () => {
    const parents = (await submitJobs(db.installation, [job(), job()])).map(({ id }) => ({ jobId: id }));
    const children = (order: typeof parents) => order.map((parent) => job({ dependsOn: [parent] }));
    const submits = Array.from({ length: 8 }, (_, n) =>
      submitJobs(db.installation, children(n % 2 === 0 ? parents : [...parents].reverse())),
    );
    expect((await Promise.all(submits)).flat()).toHaveLength(16);
  }, 60_000);
});

describe('keys', () => {
  test('the same idempotency key gives the same job, a hundred times at once; another request is refused', async () => {
    const coalescer = new SubmitCoalescer(db.installation);
    const submit = (payload: unknown) => coalescer.submit(job({ idempotencyKey: 'order-1', payload }));
    const jobs = await Promise.all(Array.from({ length: 100 }, () => submit({ a: 1, b: 2 })));
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(1);
    expect(jobs.filter(({ isExisting }) => !isExisting)).toHaveLength(1);
    expect(await submit({ b: 2, a: 1 })).toMatchObject({ isExisting: true });
    await expect(submit({ a: 2 })).rejects.toMatchObject({ code: 'idempotency_key_reused' });
  });

  test('a unique key belongs to one unfinished job at a time', async () => {
    const submit = async () => (await submitJobs(db.installation, [job({ uniqueKey: 'sync' })]))[0]!;
    const first = await submit();
    expect(await submit()).toEqual({ ...first, isExisting: true });
    await db.sql(`UPDATE jobs SET status = 'completed', completed_at = now()`);
    expect((await submit()).isExisting).toBe(false);
  });
});

describe('what a submit leaves open', () => {
  test('comes from the job type, then from the installation, then from the columns', async () => {
    const installation = await openInstallation({
      postgres: { connectionString: db.connectionString },
      jobDefaults: { maxRetries: 7, timeoutMs: 1_234 },
    });
    const client = await createClient({ installation });
    const plain = defineJob({ type: 'plain', payload: z.object({}), run: () => undefined });
    const own = defineJob({
      type: 'own',
      payload: z.object({}),
      retry: { maxRetries: 1 },
      queue: 'mail',
      priority: 9,
      run: () => undefined,
    });
    const jobs = [
      await client.submit(plain, {}),
      await client.submit(own, {}),
      await client.submit(own, {}, { maxRetries: 0 }),
    ];
    jobs.push((await submitJobs(db.installation, [job()]))[0]!);
    const rows = await db.sql('SELECT max_retries, timeout_ms, queue, priority FROM jobs ORDER BY id');
    expect(rows).toEqual([
      { max_retries: 7, timeout_ms: 1_234, queue: 'default', priority: 50 },
      { max_retries: 1, timeout_ms: 1_234, queue: 'mail', priority: 9 },
      { max_retries: 0, timeout_ms: 1_234, queue: 'mail', priority: 9 },
      { max_retries: 3, timeout_ms: 300_000, queue: 'default', priority: 50 },
    ]);
    expect(jobs).toHaveLength(4);
    await installation.close();
  });
});

describe('ids that were given to rows by hand, in the way of the next ones', () => {
  const takeByHand = (howMany: number) =>
    db.sql(
      `INSERT INTO jobs (id, job_type) SELECT n, 'by hand'
         FROM (SELECT nextval(pg_get_serial_sequence('jobs', 'id')) AS last) s, generate_series(last + 2, last + 1 + $1) AS n`,
      [howMany],
    );
  const payloads = async (ids: number[]) =>
    (
      await db.sql<{ n: number }>(
        `SELECT (payload ->> 'n')::int AS n FROM jobs WHERE id = ANY ($1::bigint[]) ORDER BY id`,
        [ids],
      )
    ).map(({ n }) => n);

  test('are passed by, and every caller gets the id of its own job', async () => {
    await takeByHand(2);
    const coalescer = new SubmitCoalescer(db.installation);
    const submitted = await Promise.all([0, 1, 2, 3].map((n) => coalescer.submit(job({ payload: { n } }))));
    expect(await payloads(submitted.map(({ id }) => id))).toEqual([0, 1, 2, 3]);
    await takeByHand(2);
    const many = await submitJobs(
      db.installation,
      [4, 5, 6].map((n) => job({ payload: { n }, uniqueKey: `key ${n}` })),
    );
    expect(await payloads(many.map(({ id }) => id))).toEqual([4, 5, 6]);
  });

  test('are told of when they are many, and nothing is stored', async () => {
    await takeByHand(50);
    const refused = { code: 'busy', message: expect.stringContaining('setval') };
    await expect(submitJobs(db.installation, [job(), job()])).rejects.toMatchObject(refused);
    await db.installation.db
      .transaction(async (tx) => {
        await expect(submitJobsIn(tx, [job(), job()])).rejects.toMatchObject(refused);
        throw new Error('rolled back');
      })
      .catch(() => undefined);
    expect(await count()).toBe(50);
  });
});

describe('a submit with a key whose connection breaks', () => {
  test.each([
    ['BEGIN', 'postgres_unavailable', 0],
    ['INSERT INTO jobs', 'postgres_unavailable', 0],
    ['COMMIT', 'outcome_unknown', 1],
  ])('at %s is told as %s', async (text, code, stored) => {
    const proxy = await startProxyTo(db.connectionString);
    const installation = await openInstallation({ postgres: { connectionString: proxy.url } });
    const dropped = proxy.dropReplyTo(text);
    await expect(submitJobs(installation, [job({ uniqueKey: 'once' })])).rejects.toMatchObject({ code });
    await dropped;
    expect(await count()).toBe(stored);
    await installation.close();
    await proxy.close();
  });
});
