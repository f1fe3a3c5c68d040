import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { createClient } from '../../../shared/client/create-client.js';
import type { Installation } from '../../../shared/installation.js';
import { defineJob } from '../../../shared/jobs/define-job.js';
import type { NewJob } from '../../../shared/jobs/new-job.js';
import { SubmitCoalescer } from '../../../shared/jobs/submit-coalescer.js';
import { submitJobs, submitJobsIn } from '../../../shared/jobs/submit-jobs.js';
import { counted } from '../../support/spied-queries.js';
import { createTestInstallation, type TestInstallation } from '../../support/test-installation.js';

/** What JSON or PostgreSQL cannot hold, or is too large, is refused: that job alone, and it is said why. */
const db: TestInstallation = await createTestInstallation({ redis: false });
beforeEach(() => db.sql('TRUNCATE jobs, job_executions, job_dependencies'));
afterAll(() => db.close());

const LIMIT = 10_000;
const limited: Installation = { ...db.installation, jobDefaults: { maxPayloadBytes: LIMIT } };
const job = (payload: unknown, more: Partial<NewJob> = {}): NewJob => ({ jobType: 'mail', payload, ...more });
/** JSON of just so many bytes. */
const ofBytes = (bytes: number) => ({ text: 'x'.repeat(bytes - '{"text":""}'.length) });
const count = async () => (await db.sql<{ n: number }>('SELECT count(*) AS n FROM jobs'))[0]!.n;
const ring: Record<string, unknown> = {};
ring.ring = ring;
const refuses = (message: string) => () => {
  throw new Error(message);
};
const throwsNoError = () => {
  // eslint-disable-next-line @typescript-eslint/only-throw-error -- anybody's toJSON may
  throw 'just a text';
};
const deep = JSON.parse('['.repeat(5_000) + ']'.repeat(5_000)) as unknown;

const UNSTORABLE: [string, unknown, RegExp][] = [
  ['a circular structure', ring, /circular/],
  ['a BigInt', { big: 1n }, /BigInt/],
  ['U+0000', { text: 'a\u0000b' }, /U\+0000/],
  ['half of a surrogate pair', { text: 'a\ud800b' }, /surrogate/],
  ['the other half, in a name', { 'a\udc00b': 1 }, /surrogate/],
  ['a function', () => 1, /no form in JSON/],
  ['NaN', NaN, /no form in JSON/],
  ['a toJSON that throws', { toJSON: refuses('not me') }, /not me/],
  ['a toJSON that throws no error', { toJSON: throwsNoError }, /JSON/],
  ['too many levels', deep, /call stack/],
  ['too many bytes', ofBytes(LIMIT + 1), /is 10001 bytes of JSON, more than the limit of 10000/],
  ['too many bytes in few characters', { text: '\u20ac'.repeat(LIMIT / 2) }, /15011 bytes/],
];

/** The same installation, with its statements counted. */
function countedInstallation(): { installation: Installation; statements: () => number } {
  const { db: spied, statements } = counted(limited.db);
  return { installation: { ...limited, db: spied }, statements };
}

describe('a job whose payload is', () => {
  test.each(UNSTORABLE)('%s is refused, naming the field and the reason', async (_what, payload, reason) => {
    const refused = submitJobs(limited, [job(payload)]);
    await expect(refused).rejects.toMatchObject({
      code: 'validation_failed',
      message: expect.stringMatching(reason),
      details: [{ field: 'payload', problem: expect.stringMatching(reason) }],
    });
    const keyed = submitJobs(limited, [job(payload, { idempotencyKey: 'k' })]);
    await expect(keyed).rejects.toMatchObject({ code: 'validation_failed', details: [{ field: 'payload' }] });
    expect(await count()).toBe(0);
  });

  test.each(UNSTORABLE)('%s fails alone among 500, in few statements', async (_what, payload, reason) => {
    const { installation, statements } = countedInstallation();
    const coalescer = new SubmitCoalescer(installation);
    const answers = await Promise.allSettled(
      Array.from({ length: 500 }, (_, n) => coalescer.submit(job(n === 321 ? payload : { n }))),
    );
    const refused = answers.flatMap((answer, n) => (answer.status === 'rejected' ? [n] : []));
    expect(refused).toEqual([321]);
    expect(answers[321]).toMatchObject({
      reason: {
        code: 'validation_failed',
        message: expect.stringMatching(reason),
        details: [{ field: 'payload' }],
      },
    });
    expect(await count()).toBe(499);
    expect(statements()).toBeLessThan(25);
  });

  test('just within the limit is stored, also when many are together far beyond it', async () => {
    const jobs = await submitJobs(
      limited,
      Array.from({ length: 50 }, () => job(ofBytes(LIMIT))),
    );
    expect(jobs).toHaveLength(50);
  });
});

describe('many jobs in one submit', () => {
  test.each(UNSTORABLE)(
    'are refused when one has %s, and it is said which',
    async (_what, payload, reason) => {
      const many = (more: Partial<NewJob>) => [job({}, more), job({}), job(payload), job({})];
      const expected = {
        code: 'validation_failed',
        message: expect.stringMatching(reason),
        details: [{ field: 'jobs.2.payload', problem: expect.stringMatching(reason) }],
      };
      await expect(submitJobs(limited, many({}))).rejects.toMatchObject(expected);
      await expect(submitJobs(limited, many({ uniqueKey: 'u' }))).rejects.toMatchObject(expected);
      expect(await count()).toBe(0);
    },
  );

  test('are refused when they are too large together, before anything is sent', async () => {
    const { installation, statements } = countedInstallation();
    const roomy = { ...installation, jobDefaults: {} };
    const text = 'x'.repeat(1_000_000);
    await expect(
      submitJobs(
        roomy,
        Array.from({ length: 70 }, () => job({ text })),
      ),
    ).rejects.toMatchObject({ code: 'validation_failed', details: [{ field: 'jobs' }] });
    expect(statements()).toBe(0);
  });
});

describe('the limit', () => {
  test('is 1 MiB where nothing is said, and holds for metadata too', async () => {
    const most = 1_048_576;
    await submitJobs(db.installation, [job(ofBytes(most), { metadata: ofBytes(most) })]);
    await expect(submitJobs(db.installation, [job(ofBytes(most + 1))])).rejects.toMatchObject({
      details: [{ field: 'payload', problem: expect.stringContaining('more than the limit of 1048576') }],
    });
    await expect(
      submitJobs(db.installation, [job({}, { metadata: ofBytes(most + 1) })]),
    ).rejects.toMatchObject({ details: [{ field: 'metadata' }] });
  });

  test('holds inside a caller’s transaction, which it leaves usable', async () => {
    const client = await createClient({ installation: limited });
    const mail = defineJob({ type: 'mail', payload: z.record(z.string(), z.string()), run: () => undefined });
    await db.installation.db.transaction(async (tx) => {
      await expect(client.submitMany(mail, [{}, ofBytes(LIMIT + 1)], { tx })).rejects.toMatchObject({
        details: [{ field: 'jobs.1.payload' }],
      });
      await submitJobsIn(tx, [job({})], limited.jobDefaults);
    });
    expect(await count()).toBe(1);
  });
});
