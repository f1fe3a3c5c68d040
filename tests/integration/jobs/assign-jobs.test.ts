import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Installation } from '../../../shared/installation.js';
import { openAssignment } from '../../../shared/jobs/assignment.js';
import type { NewJob } from '../../../shared/jobs/new-job.js';
import { submitJobs } from '../../../shared/jobs/submit-jobs.js';
import { PostgresError } from '../../../shared/postgres/postgres-error.js';
import type { Lanes } from '../../../shared/redis/lanes.js';
import type { Offer, Offers } from '../../../shared/redis/offers.js';
import { registerWorker } from '../../../shared/workers/registry.js';
import { eventually } from '../../support/eventually.js';
import { withQuery } from '../../support/spied-queries.js';
import { createTestInstallation, hasRedis } from '../../support/test-installation.js';

/** Submits to a queue in which a worker waits: here one that says so, and listens. */
const db = await createTestInstallation();
const { installation } = db;
const lanes = installation.lanes as Lanes;
const offers = lanes?.offers as Offers;
const describeWithRedis = hasRedis ? describe : describe.skip;
const offer: Offer = { workerId: 'w-1', line: 3, batchNo: 12, count: 2 };
const ears = lanes?.openBlocking();
const heard: Buffer[] = [];
ears?.on('messageBuffer', (_channel: Buffer, message: Buffer) => heard.push(message));

beforeEach(async () => {
  if (!hasRedis) return;
  await db.sql('TRUNCATE jobs, job_executions, job_dependencies, claim_batches, workers, queues');
  await db.forgetKeys();
  heard.length = 0;
  const worker = { queues: ['default'], jobTypes: ['t'], concurrency: 5, deadAfterMs: 60_000 };
  await registerWorker(installation.db, 'w-1', worker);
  if (ears.status !== 'ready') await new Promise((resolve) => ears.once('ready', resolve));
  await ears.subscribe(offers.channel(offer));

  await offers.make('default', [offer]);
  offers.note('default', 1);
});
afterAll(async () => {
  ears?.disconnect();
  await db.close();
});

const job: NewJob = { jobType: 't', payload: { b: 1, a: [null, 'ü'] } };
const rows = () =>
  db.sql<{ status: string; attempt: number; worker_id: string | null }>(
    'SELECT status, attempt, worker_id FROM jobs ORDER BY id',
  );
const batches = () =>
  db.sql<{ worker_id: string; batch_no: number; job_ids: number[] }>(
    'SELECT worker_id, batch_no, job_ids FROM claim_batches',
  );
const waiting = () => lanes.connection.llen(lanes.keys('default').handoff);
const isOffered = async () => (await offers.areListed('default', [offer]))[0];
const pending = { status: 'pending', attempt: 0, worker_id: null };
const running = { status: 'running', attempt: 1, worker_id: 'w-1' };

describeWithRedis('a job for which a worker waits', () => {
  test('is its own from the start, and it is told what a claim would tell', async () => {
    const [submitted] = await submitJobs(installation, [
      { ...job, priority: 80, metadata: { m: 1 }, maxRetries: 0 },
    ]);
    expect(await rows()).toEqual([running]);
    expect(await batches()).toEqual([{ worker_id: 'w-1', batch_no: 12, job_ids: [submitted!.id] }]);
    await eventually('the worker hears', () => heard.length === 1);
    const channel = offers.channel(offer);
    expect(heard[0]!.includes('"payload"') || heard[0]!.includes('ü')).toBe(false);
    expect(openAssignment(installation.seal, channel, heard[0]!)).toEqual({
      batchNo: 12,
      jobs: [
        {
          id: submitted!.id,
          attempt: 1,
          jobType: 't',
          queue: 'default',
          priority: 80,
          payload: { a: [null, 'ü'], b: 1 },
          metadata: { m: 1 },
          retryCount: 0,
          maxRetries: 0,
          timeoutMs: 300_000,
          lostCount: 0,
          waitMs: 0,
          batchNo: 12,
        },
      ],
    });
    expect([await waiting(), await isOffered()]).toEqual([0, false]);
  });

  test('comes with another one, each to its own submitter', async () => {
    const submitted = await submitJobs(installation, [
      { ...job, payload: { n: 1 } },
      { ...job, payload: { n: 2 } },
    ]);
    const stored = await db.sql(`SELECT id, payload FROM jobs ORDER BY payload ->> 'n'`);
    expect(stored).toEqual(submitted.map(({ id }, index) => ({ id, payload: { n: index + 1 } })));
    expect((await batches())[0]!.job_ids).toEqual(submitted.map(({ id }) => id));
  });

  test.each<[string, NewJob[]]>([
    ['more than it waits for', [job, job, job]],
    ['for later', [{ ...job, delayMs: 60_000 }]],
    ['for a time', [{ ...job, scheduledAt: new Date('2100-01-01') }]],
    ['large', [{ ...job, payload: 'x'.repeat(20_000) }]],
    ['of two queues', [job, { ...job, queue: 'other' }]],
  ])('is submitted as ever when it is %s', async (_what, jobs) => {
    await submitJobs(installation, jobs);
    expect(await rows()).toEqual(jobs.map(() => pending));
    expect([await isOffered(), heard]).toEqual([true, []]);
  });

  test.each<[string, () => Promise<unknown>]>([
    ['does not know its type', () => db.sql(`UPDATE workers SET job_types = '{other}'`)],
    ['was declared dead', () => db.sql('UPDATE workers SET dead_at = now()')],
    ['has stopped', () => db.sql('UPDATE workers SET stopped_at = now()')],
    ['was never there', () => db.sql('DELETE FROM workers')],
    ['may not begin: the queue is paused', () => db.sql(`SELECT pause_queue('default')`)],
  ])('is pending, and on its way to others, when that worker %s', async (_what, change) => {
    await change();
    await submitJobs(installation, [job]);
    expect([await rows(), await batches()]).toEqual([[pending], []]);
    await eventually(
      'it is dispatched, and the offer is back',
      async () => (await waiting()) === 1 && isOffered(),
    );
    expect(heard).toEqual([]);
  });

  test('that knows one of two types gets that one', async () => {
    await submitJobs(installation, [job, { ...job, jobType: 'other' }]);
    expect(await rows()).toEqual([running, pending]);
    await eventually('the other is dispatched', async () => (await waiting()) === 1);
  });

  test('that cannot be stored is refused as ever, and the offer is back', async () => {
    const refused = submitJobs(installation, [{ ...job, payload: { a: '\u0000' } }]);
    await expect(refused).rejects.toMatchObject({
      code: 'validation_failed',
      details: [{ field: 'payload' }],
    });
    const withoutForm = submitJobs(installation, [{ ...job, payload: { a: 1n } }]);
    await expect(withoutForm).rejects.toMatchObject({ code: 'validation_failed' });
    await eventually('the offer is back', isOffered);
  });

  test('whose commit nobody heard of is nobody\u2019s to repeat', async () => {
    const broken: Installation = {
      ...installation,
      db: withQuery(installation.db, async (run, text, values) => {
        await run(text, values);
        throw new PostgresError(new Error('the connection broke'), true);
      }),
    };
    await expect(submitJobs(broken, [job])).rejects.toMatchObject({ code: 'outcome_unknown' });
    expect(await rows()).toEqual([running]);
    expect(await isOffered()).toBe(false);
  });

  test('which nobody hears of is released and dispatched', async () => {
    // Between the offer and the message the worker's connection ends.
    const broken: Installation = {
      ...installation,
      db: withQuery(installation.db, async (run, text, values) => {
        const answer = await run(text, values);
        if (text.includes('INSERT INTO jobs')) await ears.unsubscribe(offers.channel(offer));
        return answer;
      }),
    };
    const [submitted] = await submitJobs(broken, [job]);
    await eventually('it is dispatched', async () => (await waiting()) === 1);
    expect([await rows(), await batches()]).toEqual([[{ ...pending, attempt: 1 }], []]);
    expect(await db.sql('SELECT attempt, status FROM job_executions')).toEqual([
      { attempt: 1, status: 'released' },
    ]);
    expect(submitted).toMatchObject({ isExisting: false });
  });
});
