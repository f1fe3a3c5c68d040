import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createClient, type Client } from '../../../shared/client/create-client.js';
import type { Installation } from '../../../shared/installation.js';
import type { AnyJobDefinition } from '../../../shared/jobs/define-job.js';
import type { Database } from '../../../shared/postgres/create-database.js';
import { createWorker, type Worker } from '../../../workers/create-worker.js';
import { eventually } from '../../support/eventually.js';
import { createTestInstallation, type TestInstallation } from '../../support/test-installation.js';
import { actJob } from '../../support/test-jobs.js';

/** A result that cannot be stored fails its own job, for good, and disturbs nobody. */
let db: TestInstallation;
let client: Client;
let worker: Worker | undefined;
let settles: number;
beforeAll(async () => {
  db = await createTestInstallation();
  client = await createClient(db);
});
afterEach(async () => {
  await worker?.stop();
  await db.sql('TRUNCATE jobs, job_executions, job_dependencies, dead_letter_jobs, claim_batches');
});
afterAll(() => db.close());

/** The same installation, with the statements that settle counted. */
function counted(): Installation {
  settles = 0;
  const { db: real } = db.installation;
  const query = ((text: string, values?: unknown[]) => {
    if (text.includes('WITH settled AS')) settles++;
    return real.query(text, values);
  }) as Database['query'];
  return { ...db.installation, db: { ...real, query } };
}
async function work(job: AnyJobDefinition, settings = {}): Promise<void> {
  worker = createWorker({ installation: counted(), jobs: [job], concurrency: 500, ...settings });
  await worker.start();
}
const allFinished = (count: number) =>
  eventually('all have finished', async () => {
    const rows = await db.sql<{ n: number }>('SELECT count(*) AS n FROM jobs WHERE completed_at IS NOT NULL');
    return rows[0]?.n === count;
  });
const failures = () => db.sql(`SELECT id, attempt, error_class FROM jobs WHERE status = 'failed'`);
const messageOfOnly = async () => {
  const [row, ...more] = await db.sql<{ error_message: string }>(
    'SELECT error_message FROM dead_letter_jobs',
  );
  expect(more).toEqual([]);
  return row!.error_message;
};

const LIMIT = 5_000;
const ring: Record<string, unknown> = {};
ring.ring = ring;
const UNSTORABLE: [string, () => unknown, RegExp][] = [
  ['a circular structure', () => ring, /circular/],
  ['a BigInt', () => ({ big: 1n }), /BigInt/],
  ['U+0000', () => ({ text: 'a\u0000b' }), /U\+0000/],
  ['half of a surrogate pair', () => 'a\udc00b', /surrogate/],
  ['a function', () => () => 1, /no form in JSON/],
  [
    'something whose toJSON throws',
    () => ({
      toJSON: () => {
        throw new Error('not me');
      },
    }),
    /not me/,
  ],
  ['10 MB', () => 'x'.repeat(10_000_000), /is 10000002 bytes of JSON, more than the limit of 5000: store it/],
];

describe('one of 500 handlers returns', () => {
  test.each(UNSTORABLE)('%s: its job is a dead letter, 499 complete', async (_what, result, reason) => {
    // All of them end in the same moment, so that they are settled together.
    let begun = 0;
    let endAll = () => undefined as void;
    const all = new Promise<void>((resolve) => (endAll = resolve));
    const job = actJob('odd', async ({ odd }) => {
      if (++begun === 500) endAll();
      await all;
      return odd ? result() : { fine: true };
    });
    const jobs = await client.submitMany(
      job,
      Array.from({ length: 500 }, (_, n) => ({ odd: n === 321 })),
    );
    await work(job, { maxResultBytes: LIMIT });
    await allFinished(500);
    expect(await failures()).toEqual([{ id: jobs[321]!.id, attempt: 1, error_class: 'permanent' }]);
    expect(await messageOfOnly()).toMatch(/^what the handler returned cannot be stored: it /);
    expect(await messageOfOnly()).toMatch(reason);
    expect(settles).toBeLessThan(10);
  });
});

describe('results', () => {
  test('that are together far more than one may be are all stored', async () => {
    const text = 'x'.repeat(LIMIT - 2);
    const job = actJob('large', () => text);
    await client.submitMany(
      job,
      Array.from({ length: 50 }, () => ({})),
    );
    await work(job, { maxResultBytes: LIMIT });
    await allFinished(50);
    expect(await failures()).toEqual([]);
  });

  test('of which many cannot be stored cost few statements', async () => {
    const job = actJob('odd', ({ n }) => ((n as number) % 2 ? { text: '\u0000' } : n));
    await client.submitMany(
      job,
      Array.from({ length: 500 }, (_, n) => ({ n })),
    );
    await work(job);
    await allFinished(500);
    expect(await failures()).toHaveLength(250);
    expect(settles).toBeLessThan(30);
  });

  test('that are too much for one statement are settled in several', async () => {
    const text = 'x'.repeat(30_000_000);
    let begun = 0;
    let endAll = () => undefined as void;
    const all = new Promise<void>((resolve) => (endAll = resolve));
    const job = actJob('huge', async () => {
      if (++begun === 3) endAll();
      await all;
      return text;
    });
    await client.submitMany(job, [{}, {}, {}]);
    await work(job, { maxResultBytes: 40_000_000 });
    await allFinished(3);
    expect(await failures()).toEqual([]);
    expect(settles).toBeGreaterThan(1);
  }, 60_000);
});

test('a payload of 10 MB that came by plain SQL runs, beside 499 others', async () => {
  const job = actJob('big', ({ text }) => (text as string | undefined)?.length ?? 0);
  await client.submitMany(
    job,
    Array.from({ length: 499 }, () => ({})),
  );
  await db.sql(`INSERT INTO jobs (job_type, payload)
    VALUES ('big', jsonb_build_object('text', (SELECT string_agg(md5(n::text), '') FROM generate_series(1, 312500) AS n)))`);
  await work(job);
  await allFinished(500);
  expect(await failures()).toEqual([]);
  expect(await db.sql(`SELECT id FROM jobs WHERE result = '10000000'`)).toHaveLength(1);
});

describe('a handler that completes its own job with a result that', () => {
  test.each(UNSTORABLE)('is %s is told so, and its job is a dead letter', async (_what, result, reason) => {
    const job = actJob('own', (_payload, ctx) =>
      db.installation.db.transaction((tx) => ctx.complete(tx, result())),
    );
    const { id } = await client.submit(job, {});
    await work(job, { maxResultBytes: LIMIT });
    await allFinished(1);
    expect(await failures()).toEqual([{ id, attempt: 1, error_class: 'permanent' }]);
    expect(await messageOfOnly()).toMatch(reason);
  });
});

describe('what a handler throws is recorded, even', () => {
  test.each<[string, unknown, RegExp]>([
    ['an object without a text form', Object.create(null), /./],
    ['an error whose message is no text', Object.assign(new Error(), { message: { no: 'text' } }), /./],
    ['undefined', undefined, /undefined/],
    ['a message of 10 MB', new Error('long '.repeat(2_000_000)), /^(long )+$/],
    [
      'an error that cannot be read',
      Object.defineProperty(new Error(), 'stack', {
        get: () => {
          throw new Error('no');
        },
      }),
      /./,
    ],
  ])('%s', async (_what, thrown, message) => {
    const job = actJob('throws', () => {
      throw thrown as Error;
    });
    const { id } = await client.submit(job, {}, { maxRetries: 0 });
    await work(job);
    await allFinished(1);
    expect(await failures()).toEqual([{ id, attempt: 1, error_class: 'unknown' }]);
    expect(await messageOfOnly()).toMatch(message);
    expect((await messageOfOnly()).length).toBeLessThanOrEqual(2_000);
  });
});
