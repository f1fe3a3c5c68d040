import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { createClient, type Client } from '../../../shared/client/create-client.js';
import type { JobContext } from '../../../shared/jobs/define-job.js';
import { SnoozeError } from '../../../shared/jobs/job-errors.js';
import { createWorker, type Worker } from '../../../workers/create-worker.js';
import { eventually } from '../../support/eventually.js';
import { createTestInstallation, type TestInstallation } from '../../support/test-installation.js';
import { actJob } from '../../support/test-jobs.js';

/** A handler that completes its job in a transaction of its own. */
let db: TestInstallation;
let client: Client;
let worker: Worker | undefined;
const told: unknown[] = [];
beforeAll(async () => {
  db = await createTestInstallation();
  client = await createClient(db);
  db.installation.events.on('settled', (outcomes) =>
    told.push(...outcomes.map(({ id, attempt, kind, errorClass }) => ({ id, attempt, kind, errorClass }))),
  );
});
afterEach(async () => {
  await worker?.stop();
  told.length = 0;
});
afterAll(() => db.close());

/** Runs one job whose handler is `act`, and waits until it is told of. Returns its id. */
async function runOnce(act: (ctx: JobContext) => unknown, maxRetries = 3): Promise<number> {
  // A retry may come at once, full jitter begins at zero; here none does. A job's own policy goes before the worker's.
  const retry = { baseDelayMs: 1e9, maxDelayMs: 1e9 };
  const job = { ...actJob('own', (_payload, ctx) => act(ctx)), retry };
  const { id } = await client.submit(job, {}, { maxRetries });
  worker = createWorker({ installation: db.installation, jobs: [job] });
  await worker.start();
  await eventually('it is told of', () => told.length > 0);
  return id;
}
const completeOwn = (ctx: JobContext) => db.installation.db.transaction((tx) => ctx.complete(tx, 'mine'));
const rowOf = async (id: number) =>
  (await db.sql('SELECT status, result, retry_count FROM jobs WHERE id = $1', [id]))[0];

test('leaves the settings of the transaction as they were', async () => {
  const settings: string[] = [];
  await runOnce((ctx) =>
    db.installation.db.transaction(async (tx) => {
      const read = async () =>
        (await tx.query('SHOW lock_timeout')).rows.map((row: { lock_timeout: string }) => row.lock_timeout);
      await tx.query(`SET LOCAL lock_timeout = '7s'`);
      await ctx.complete(tx);
      settings.push(...(await read()));
    }),
  );
  expect(settings).toEqual(['7s']);
});

test.each([
  ['returns', () => 'ignored', 3],
  ['returns, with no retry left', () => 'ignored', 0],
  [
    'throws',
    () => {
      throw new Error('afterwards');
    },
    3,
  ],
  [
    'asks for later',
    () => {
      throw new SnoozeError(60_000);
    },
    3,
  ],
])('and then %s is told of as completed', async (_what, afterwards, maxRetries) => {
  const id = await runOnce(async (ctx) => {
    await completeOwn(ctx);
    return afterwards();
  }, maxRetries);
  expect(told).toEqual([{ id, attempt: 1, kind: 'completed', errorClass: undefined }]);
  expect(await rowOf(id)).toEqual({ status: 'completed', result: 'mine', retry_count: 0 });
});

test('that was rolled back is told of as retried', async () => {
  const id = await runOnce(async (ctx) => {
    await db.installation.db
      .transaction(async (tx) => {
        await ctx.complete(tx, 'mine');
        throw new Error('rolls it back');
      })
      .catch(() => undefined);
  });
  expect(told).toEqual([{ id, attempt: 1, kind: 'retried', errorClass: 'transient' }]);
  expect(await rowOf(id)).toMatchObject({ status: 'pending', retry_count: 1 });
});
