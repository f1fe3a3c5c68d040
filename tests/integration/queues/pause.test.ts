import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createClient, type Client } from '../../../shared/client/create-client.js';
import type { Installation } from '../../../shared/installation.js';
import type { AnyJobDefinition } from '../../../shared/jobs/define-job.js';
import { sweepQueue } from '../../../shared/jobs/sweep-jobs.js';
import { pauseQueue } from '../../../shared/queues/pause-queue.js';
import { resumeQueue } from '../../../shared/queues/resume-queue.js';
import { createAnnouncementListener } from '../../../workers/coordinator/announcement-listener.js';
import { createWorker, type Worker } from '../../../workers/create-worker.js';
import { eventually } from '../../support/eventually.js';
import { createTestInstallation, hasRedis, type TestInstallation } from '../../support/test-installation.js';
import { actJob, HeldRuns } from '../../support/test-jobs.js';

const describeWithRedis = hasRedis ? describe : describe.skip;
const db: TestInstallation = await createTestInstallation();
const alone: TestInstallation = await createTestInstallation({ redis: false });
const client: Client = await createClient(db);
const echo = actJob('echo', (payload) => payload);
const stopping: { stop(): Promise<void> }[] = [];
/** So rarely that nothing runs unless it was dispatched. */
const NEVER_MS = 600_000;

beforeEach(async () => {
  for (const one of [db, alone])
    await one.sql('TRUNCATE jobs, job_executions, job_dependencies, claim_batches, workers, queues');
  await db.forgetKeys();
});
afterEach(async () => {
  for (const service of stopping.splice(0).reverse()) await service.stop();
});
afterAll(async () => {
  await db.close();
  await alone.close();
});

async function work(
  installation: Installation,
  jobs: readonly AnyJobDefinition[] = [echo],
  options = {},
): Promise<Worker> {
  const worker = createWorker({ installation, jobs, concurrency: 5, pollIntervalMs: NEVER_MS, ...options });
  stopping.push(worker);
  await worker.start();
  return worker;
}
const statuses = async (of: TestInstallation = db) =>
  (await of.sql<{ status: string }>('SELECT status FROM jobs ORDER BY id')).map(({ status }) => status);
const completed = (count: number, of: TestInstallation = db) =>
  eventually(`${count} jobs are completed`, async () => {
    const all = await statuses(of);
    return all.filter((status) => status === 'completed').length === count;
  });
const allDue = () =>
  eventually('all of them are due', async () => {
    const rows = await db.sql('SELECT 1 FROM jobs WHERE scheduled_at > now()');
    return rows.length === 0;
  });
const keys = () => db.installation.lanes!.keys('default');
const redis = () => db.installation.lanes!.connection;
async function listed(): Promise<number[]> {
  const lanes = await redis().zrange(keys().lanes, '0', '-1');
  const lists = [keys().handoff, ...lanes.map((priority) => keys().lane(Number(priority)))];
  return (await Promise.all(lists.map((list) => redis().lrange(list, 0, -1)))).flat().map(Number);
}

describeWithRedis('a paused queue', () => {
  test('keeps what is ready and what falls due, lets finish what runs, and starts at once when it goes on', async () => {
    const held = new HeldRuns();
    await work(db.installation, [held.job, echo]);
    await client.submit(held.job, {});
    const running = await held.run(0);

    expect(await pauseQueue(db.installation, 'default', { by: 'ada', reason: 'maintenance' })).toBe(true);
    let missed = 0;
    db.installation.events.on('claimMissed', ({ count }) => (missed += count));
    for (let n = 0; n < 3; n++) await client.submit(echo, { n });
    await client.submit(echo, {}, { delayMs: 50 });
    await allDue();
    // The free slots of the worker have taken what was pushed, and the claim has left it alone.
    await eventually('the ids were dropped', () => missed >= 3);
    expect(await statuses()).toEqual(['running', 'pending', 'pending', 'pending', 'pending']);
    expect(await db.sql('SELECT DISTINCT attempt FROM jobs WHERE id > (SELECT min(id) FROM jobs)')).toEqual([
      { attempt: 0 },
    ]);
    expect(await db.sql('SELECT state, reason FROM job_states ORDER BY job_id DESC LIMIT 1')).toEqual([
      { state: 'paused', reason: 'queue default is paused' },
    ]);
    running.end();
    await completed(1);
    expect(await listed()).toEqual([]);

    expect(await resumeQueue(db.installation, 'default')).toBe(true);
    await completed(5);
    expect(await db.sql('SELECT paused_at, paused_by, pause_reason FROM queues')).toEqual([
      { paused_at: null, paused_by: null, pause_reason: null },
    ]);
  });

  test('that is resumed by SQL, in whatever way, goes on at once too', async () => {
    const listener = createAnnouncementListener(db.installation);
    stopping.push(listener);
    await listener.start();
    await work(db.installation);
    const ways = [
      `SELECT resume_queue('default')`,
      'UPDATE queues SET paused_at = NULL',
      `DELETE FROM queues WHERE name = 'default'`,
    ];
    for (const [n, resume] of ways.entries()) {
      await db.sql(`SELECT pause_queue('default')`);
      // By nobody who would push it: only the resume can bring it.
      await db.sql(
        `INSERT INTO jobs (job_type, scheduled_at) VALUES ('echo', now() + interval '10 milliseconds')`,
      );
      await allDue();
      await db.sql(resume);
      await completed(n + 1);
    }
  });

  test('when it goes on while all are busy: its jobs are in the lanes once, urgent and old ones first', async () => {
    await db.sql(
      `INSERT INTO jobs (job_type, priority) SELECT 'echo', 10 * (n % 3) FROM generate_series(1, 6000) AS n`,
    );
    for (let n = 0; n < 3; n++) {
      await pauseQueue(db.installation, 'default');
      await client.submit(echo, {}, { priority: 90 });
      await resumeQueue(db.installation, 'default');
    }
    const rows = await db.sql<{ id: number }>('SELECT id FROM jobs');
    // One id may wait in the handoff besides.
    const ids = await listed();
    expect(new Set(ids)).toEqual(new Set(rows.map(({ id }) => id)));
    expect(ids.length).toBeLessThanOrEqual(rows.length + 1);
    const urgent = await db.sql<{ id: number }>(`SELECT id FROM jobs WHERE priority = 20 ORDER BY id`);
    const lane = (await redis().lrange(keys().lane(20), 0, -1)).map(Number).reverse();
    expect(lane).toEqual(urgent.map(({ id }) => id));
  });

  test('does not wait for the backlog of another queue that the same workers serve', async () => {
    const slow = actJob('slow', () => new Promise((resolve) => setTimeout(resolve, 5)));
    await work(db.installation, [echo, slow], { queues: ['default', 'other'] });
    await pauseQueue(db.installation, 'default');
    await client.submitMany(echo, Array(10).fill({}));
    await client.submitMany(slow, Array(3_000).fill({}), { queue: 'other' });
    await eventually('the other queue is being worked on', async () =>
      (await statuses()).includes('completed'),
    );
    await resumeQueue(db.installation, 'default');
    const left = async (queue: string) => {
      const rows = await db.sql(`SELECT 1 FROM jobs WHERE queue = $1 AND completed_at IS NULL`, [queue]);
      return rows.length;
    };
    await eventually('the queue that went on is done', async () => (await left('default')) === 0);
    expect(await left('other')).toBeGreaterThan(0);
  });

  test('with more than one call dispatches: the sweep sends the rest', async () => {
    await pauseQueue(db.installation, 'default');
    await db.sql(`INSERT INTO jobs (job_type) SELECT 'echo' FROM generate_series(1, 100500)`);
    await resumeQueue(db.installation, 'default');
    expect((await listed()).length).toBe(100_000);
    await sweepQueue(db.installation, 'default', null, new Set());
    expect(new Set(await listed()).size).toBe(100_500);
  }, 60_000);

  test('that is paused and resumed all the time while jobs come: none is lost, none runs twice', async () => {
    await work(db.installation);
    const submitting = (async () => {
      for (let n = 0; n < 300; n++) await client.submit(echo, { n });
    })();
    let isSubmitting = true;
    void submitting.finally(() => (isSubmitting = false));
    let rounds = 0;
    while (isSubmitting || rounds < 20) {
      await pauseQueue(db.installation, 'default');
      await resumeQueue(db.installation, 'default');
      rounds++;
    }
    await submitting;
    await completed(300);
    expect(await db.sql('SELECT count(*) AS n, max(attempt) AS attempt FROM job_executions')).toEqual([
      { n: 300, attempt: 1 },
    ]);
  });
});

describe('without Redis', () => {
  test('a paused queue waits, and goes on when it is resumed', async () => {
    await pauseQueue(alone.installation, 'default');
    const other = await createClient(alone);
    await other.submit(echo, {});
    const { id } = await other.submit(echo, {}, { queue: 'open' });
    await work(alone.installation, [echo], { queues: ['default', 'open'], pollIntervalMs: 50 });
    await other.result(id);
    expect(await statuses(alone)).toEqual(['pending', 'completed']);
    await resumeQueue(alone.installation, 'default');
    await completed(2, alone);
  });

  test('a worker that runs until its queues are empty does not wait for a paused one', async () => {
    await pauseQueue(alone.installation, 'default');
    await (await createClient(alone)).submit(echo, {});
    const worker = createWorker({ installation: alone.installation, jobs: [echo] });
    await worker.runUntilEmpty();
    expect(await statuses(alone)).toEqual(['pending']);
  });
});

describe('pausing', () => {
  const row = async () => (await alone.sql('SELECT * FROM queues'))[0];

  test('a second time changes nothing: who, when and why stay those of the first', async () => {
    expect(await pauseQueue(alone.installation, 'mail', { by: 'ada', reason: 'provider is down' })).toBe(
      true,
    );
    const first = await row();
    expect(first).toMatchObject({ name: 'mail', paused_by: 'ada', pause_reason: 'provider is down' });
    expect(await pauseQueue(alone.installation, 'mail', { by: 'bob' })).toBe(false);
    expect(await row()).toEqual(first);
  });

  test('and resuming by SQL say whether they changed anything, and who it was', async () => {
    const ask = async (text: string) => (await alone.sql<{ answer: boolean }>(text))[0]!.answer;
    expect(await ask(`SELECT pause_queue('mail', 'because') AS answer`)).toBe(true);
    expect(await ask(`SELECT pause_queue('mail') AS answer`)).toBe(false);
    expect(await row()).toMatchObject({ paused_by: 'postgres', pause_reason: 'because' });
    expect(await ask(`SELECT resume_queue('mail') AS answer`)).toBe(true);
    expect(await ask(`SELECT resume_queue('mail') AS answer`)).toBe(false);
    expect(await ask(`SELECT resume_queue('never seen') AS answer`)).toBe(false);
  });

  test('what is no name of a queue is refused; so is resuming a queue that nobody knows', async () => {
    await expect(pauseQueue(alone.installation, 'Not A Queue')).rejects.toMatchObject({
      code: 'validation_failed',
      details: [{ field: 'name' }],
    });
    await expect(resumeQueue(alone.installation, 'nowhere')).rejects.toMatchObject({ code: 'not_found' });
    expect(await row()).toBeUndefined();
  });

  test('answers busy while another transaction holds the row', async () => {
    await pauseQueue(alone.installation, 'mail');
    await alone.installation.db.transaction(async (tx) => {
      await tx.query('SELECT 1 FROM queues FOR UPDATE');
      await expect(resumeQueue(alone.installation, 'mail')).rejects.toMatchObject({ code: 'busy' });
    });
    expect(await resumeQueue(alone.installation, 'mail')).toBe(true);
  });
});
