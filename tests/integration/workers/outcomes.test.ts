import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { createClient, type Client } from '../../../shared/client/create-client.js';
import { defineJob, type AnyJobDefinition } from '../../../shared/jobs/define-job.js';
import { PermanentError, RetryAfterError, SnoozeError } from '../../../shared/jobs/job-errors.js';
import { Coordinator } from '../../../workers/coordinator/coordinator.js';
import { createWorker, type Worker } from '../../../workers/create-worker.js';
import { eventually } from '../../support/eventually.js';
import { createTestInstallation, type TestInstallation } from '../../support/test-installation.js';
import { actJob } from '../../support/test-jobs.js';

/** What comes of an attempt, seen in the tables. The coordinator promotes the retries. */
let db: TestInstallation;
let client: Client;
let coordinator: Coordinator;
let worker: Worker | undefined;
beforeAll(async () => {
  db = await createTestInstallation();
  client = await createClient(db);
  coordinator = new Coordinator(db);
  await coordinator.start();
});
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
});
afterAll(async () => {
  await coordinator.stop();
  await db.close();
});

async function work(...jobs: AnyJobDefinition[]): Promise<void> {
  worker = createWorker({ installation: db.installation, jobs, concurrency: 10 });
  await worker.start();
}
const finished = (id: number) =>
  eventually(`job ${id} finishes`, async () => {
    const job = await client.get(id);
    return job?.completed_at ? job : undefined;
  });
const letterOf = async (id: number) =>
  (
    await db.sql('SELECT reason, status, attempts, error_class FROM dead_letter_jobs WHERE job_id = $1', [id])
  )[0];

describe('an attempt that', () => {
  test('fails and then succeeds leaves one row for each try', async () => {
    const flaky = actJob('flaky', (_payload, ctx) => {
      if (ctx.attempt < 3) throw new Error(`not yet (${ctx.attempt})`);
      return { tries: ctx.attempt };
    });
    await work(flaky);
    const { id } = await client.submit(flaky, {});
    expect(await client.result(id)).toEqual({ tries: 3 });
    const job = await finished(id);
    expect(job).toMatchObject({ retry_count: 2, attempt: 3, error_message: null });
    expect(
      job.executions.map(({ attempt, status, error_message }) => [attempt, status, error_message]),
    ).toEqual([
      [1, 'failed', 'not yet (1)'],
      [2, 'failed', 'not yet (2)'],
      [3, 'completed', null],
    ]);
    expect(job.executions[0]!.error_stack).toContain('not yet (1)');
  });

  test('keeps failing becomes a dead letter after its last retry', async () => {
    const hopeless = actJob('hopeless', () => {
      throw new Error('never');
    });
    await work(hopeless);
    const { id } = await client.submit(hopeless, {}, { maxRetries: 2 });
    expect(await finished(id)).toMatchObject({
      status: 'failed',
      attempt: 3,
      retry_count: 2,
      error_class: 'unknown',
    });
    expect(await letterOf(id)).toEqual({
      reason: 'max_retries',
      status: 'open',
      attempts: 3,
      error_class: 'unknown',
    });
  });

  test('fails for good is a dead letter at once', async () => {
    const refused = actJob('refused', () => {
      throw new PermanentError('account closed');
    });
    await work(refused);
    const { id } = await client.submit(refused, {});
    expect(await finished(id)).toMatchObject({
      status: 'failed',
      attempt: 1,
      error_message: 'account closed',
    });
    expect(await letterOf(id)).toMatchObject({ reason: 'permanent' });
  });

  test('gets a payload that does not fit its schema is a dead letter that names the fields', async () => {
    const typed = defineJob({
      type: 'typed',
      payload: z.object({ to: z.email(), size: z.number() }),
      run: () => undefined,
    });
    await work(typed);
    const [row] = await db.sql<{ id: number }>(
      `SELECT submit_job('typed', '{"to": "nobody", "size": "big"}') AS id`,
    );
    const job = await finished(row!.id);
    expect(job).toMatchObject({ status: 'failed', attempt: 1, error_class: 'permanent' });
    expect(job.error_message).toMatch(/to: .*; size: /);
    await expect(client.submit(typed, { to: 'nobody', size: 1 })).rejects.toMatchObject({
      code: 'validation_failed',
      details: [{ field: 'payload.to' }],
    });
  });

  test('snoozes or asks for a time comes back then, and a snooze is not charged', async () => {
    const patient = actJob('patient', (_payload, ctx) => {
      if (ctx.attempt === 1) throw new SnoozeError(20);
      if (ctx.attempt === 2) throw new RetryAfterError(20);
      return 'done';
    });
    await work(patient);
    const { id } = await client.submit(patient, {});
    expect(await client.result(id)).toBe('done');
    expect(await finished(id)).toMatchObject({ attempt: 3, retry_count: 1 });
    expect((await finished(id)).executions.map(({ status }) => status)).toEqual([
      'released',
      'failed',
      'completed',
    ]);
  });

  test('is over its timeout is aborted and recorded as timed out', async () => {
    const slow = actJob(
      'slow',
      (_payload, { signal }) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason as Error)),
        ),
    );
    await work(slow);
    const { id } = await client.submit(slow, {}, { timeoutMs: 50, maxRetries: 0 });
    const job = await finished(id);
    expect(job).toMatchObject({
      status: 'failed',
      error_class: 'timeout',
      error_message: 'timed out after 50 ms',
    });
    expect(job.executions).toMatchObject([{ status: 'timed_out' }]);
  });

  test('ignores its signal is left behind after the grace', async () => {
    let end = () => undefined as void;
    const deaf = actJob('deaf', () => new Promise<void>((resolve) => (end = resolve)));
    worker = createWorker({ installation: db.installation, jobs: [deaf], abortGraceMs: 50 });
    await worker.start();
    const { id } = await client.submit(deaf, {}, { timeoutMs: 50, maxRetries: 0 });
    expect(await finished(id)).toMatchObject({ status: 'failed', error_class: 'timeout' });
    end();
  });

  test.each([
    [
      'a circular structure',
      () => {
        const ring: Record<string, unknown> = {};
        ring.ring = ring;
        return ring;
      },
    ],
    ['a BigInt', () => ({ big: 1n })],
    ['U+0000', () => ({ text: 'a\u0000b' })],
  ])('returns %s fails alone, with a clear error', async (_what, result) => {
    const odd = actJob('odd', (payload) => (payload.odd ? result() : 'fine'));
    await work(odd);
    const jobs = await client.submitMany(
      odd,
      Array.from({ length: 9 }, (_, index) => ({ odd: index === 4 })),
    );
    const rows = await Promise.all(jobs.map(({ id }) => finished(id)));
    expect(rows.map(({ status }) => status)).toEqual(
      rows.map((_, index) => (index === 4 ? 'failed' : 'completed')),
    );
    expect(rows[4]!.error_message).toMatch(/^what the handler returned cannot be stored: /);
  });

  test('logs or throws half a character is recorded all the same', async () => {
    const half = 'x'.repeat(1_999) + '\u{1F600}';
    const cut = actJob('cut', (payload, ctx) => {
      ctx.log.info(half);
      if (payload.fail) throw new PermanentError(half);
      return 'fine';
    });
    await work(cut);
    const jobs = await client.submitMany(cut, [{}, { fail: true }]);
    expect(await client.result(jobs[0]!.id)).toBe('fine');
    expect(await finished(jobs[1]!.id)).toMatchObject({ status: 'failed', error_class: 'permanent' });
    expect(() => new SnoozeError(NaN)).toThrow(RangeError);
  });

  test('reports progress and logs shows them with the job', async () => {
    let goOn = () => undefined as void;
    const chatty = actJob('chatty', async (_payload, ctx) => {
      ctx.log.info('half way');
      ctx.progress(50);
      await new Promise<void>((resolve) => (goOn = resolve));
    });
    await work(chatty);
    const { id } = await client.submit(chatty, {});
    await eventually('progress is written', async () => (await client.get(id))?.progress === 50);
    goOn();
    expect((await finished(id)).executions[0]!.logs).toMatchObject([{ level: 'info', message: 'half way' }]);
  });
});

describe('a handler that completes its job in its own transaction', () => {
  test('commits its effects and the completion together', async () => {
    await db.sql('CREATE TABLE effects (job_id bigint)');
    const transfer = actJob('transfer', (payload, ctx) =>
      db.installation.db.transaction(async (tx) => {
        await tx.query('INSERT INTO effects VALUES ($1)', [ctx.jobId]);
        await ctx.complete(tx, { moved: true });
        if (payload.fail && ctx.attempt === 1) throw new Error('after complete, before COMMIT');
      }),
    );
    await work(transfer);
    const { id } = await client.submit(transfer, {});
    const { id: second } = await client.submit(transfer, { fail: true });
    expect(await client.result(id)).toEqual({ moved: true });
    expect(await client.result(second)).toEqual({ moved: true });
    expect(await db.sql('SELECT job_id, count(*) FROM effects GROUP BY 1 ORDER BY 1')).toEqual([
      { job_id: id, count: 1 },
      { job_id: second, count: 1 },
    ]);
    expect((await finished(second)).executions.map(({ status }) => status)).toEqual(['failed', 'completed']);
  });
});

describe('claims', () => {
  test('are forgotten when all their jobs are settled', async () => {
    const quick = actJob('quick', () => undefined);
    await work(quick);
    const jobs = await client.submitMany(
      quick,
      Array.from({ length: 50 }, () => ({})),
    );
    await Promise.all(jobs.map(({ id }) => client.result(id)));
    await eventually(
      'claim_batches is empty',
      async () => (await db.sql('SELECT 1 FROM claim_batches')).length === 0,
    );
  });
});
