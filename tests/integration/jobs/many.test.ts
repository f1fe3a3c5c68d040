import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createClient } from '../../../shared/client/create-client.js';
import { cancelMany, type CancelChoice } from '../../../shared/jobs/cancel-many.js';
import { retryMany, type RetryChoice } from '../../../shared/jobs/retry-many.js';
import { createWorker } from '../../../workers/create-worker.js';
import { eventually } from '../../support/eventually.js';
import { counted } from '../../support/spied-queries.js';
import { createTestInstallation, hasRedis, type TestInstallation } from '../../support/test-installation.js';
import { actJob, HeldRuns } from '../../support/test-jobs.js';

const db: TestInstallation = await createTestInstallation();
const { installation } = db;
const stopping: { stop(): Promise<void> }[] = [];
beforeEach(() =>
  db.sql('TRUNCATE jobs, job_executions, job_dependencies, dead_letter_jobs, claim_batches, cancel_requests'),
);
afterEach(async () => {
  for (const service of stopping.splice(0).reverse()) await service.stop();
});
afterAll(() => db.close());

const insert = async (row: Record<string, unknown> = {}): Promise<number> => {
  const names = Object.keys({ job_type: 'x', ...row });
  const values = Object.values({ job_type: 'x', ...row });
  const places = names.map((_name, index) => `$${index + 1}`).join(', ');
  const statement = `INSERT INTO jobs (${names.join(', ')}) VALUES (${places}) RETURNING id`;
  return (await db.sql<{ id: number }>(statement, values))[0]!.id;
};
const insertEach = async (...rows: Record<string, unknown>[]): Promise<number[]> => {
  const ids: number[] = [];
  for (const row of rows) ids.push(await insert(row));
  return ids;
};
const statusOf = async (ids: number[]) => {
  const rows = await db.sql<{ id: number; status: string }>('SELECT id, status FROM jobs');
  const byId = new Map(rows.map(({ id, status }) => [id, status]));
  return ids.map((id) => byId.get(id));
};
const withStatus = async (status: string) =>
  (
    await db.sql<{ id: number }>('SELECT id FROM jobs WHERE status = $1::job_status ORDER BY id', [status])
  ).map(({ id }) => id);

const FIELDS = { queue: 'mail', job_type: 'send', error_class: 'timeout', tags: ['t'], created_by: 'ada' };
const CHOICES: [string, RetryChoice & CancelChoice][] = [
  ['queue', { queue: 'mail' }],
  ['job type', { jobType: 'send' }],
  ['error class', { errorClass: 'timeout' }],
  ['tag', { tag: 't' }],
  ['author', { createdBy: 'ada' }],
  ['all of them', { queue: 'mail', jobType: 'send', errorClass: 'timeout', tag: 't', createdBy: 'ada' }],
];

describe('retrying many', () => {
  const failed = { status: 'failed', error_class: 'permanent' };

  test.each(CHOICES)('chooses by %s', async (_what, choice) => {
    const [chosen] = await insertEach({ ...failed, ...FIELDS }, failed, { ...FIELDS, status: 'completed' });
    expect(await retryMany(installation, choice)).toEqual({ count: 1, hasMore: false });
    expect(await withStatus('pending')).toEqual([chosen]);
  });

  test('chooses by status and by ids', async () => {
    const [one, two, three, four] = await insertEach(
      failed,
      { status: 'cancelled' },
      { status: 'completed' },
      failed,
    );
    expect(await retryMany(installation, { status: 'cancelled' })).toMatchObject({ count: 1 });
    expect(await withStatus('pending')).toEqual([two]);
    expect(await retryMany(installation, { ids: [four!, three!, two!, one!, 999_999] })).toEqual({
      count: 2,
      hasMore: false,
    });
    expect(await withStatus('pending')).toEqual([one, two, four]);
  });

  test('counts retries anew, closes dead letters, and dispatches, as retrying one does', async () => {
    const id = await insert({ ...failed, retry_count: 3, lost_count: 2, attempt: 4, queue: 'again' });
    await db.sql(
      `INSERT INTO dead_letter_jobs (job_id, queue, job_type, payload, fingerprint, attempts, reason) VALUES ($1, 'again', 'x', '{}', 'f', 4, 'permanent')`,
      [id],
    );
    await retryMany(installation, { queue: 'again' });
    expect(
      await db.sql('SELECT status, retry_count, lost_count, attempt, completed_at, worker_id FROM jobs'),
    ).toEqual([
      { status: 'pending', retry_count: 0, lost_count: 0, attempt: 4, completed_at: null, worker_id: null },
    ]);
    expect(await db.sql('SELECT status, replayed_job_id FROM dead_letter_jobs')).toEqual([
      { status: 'replayed', replayed_job_id: id },
    ]);
    const worker = createWorker({
      installation,
      queues: ['again'],
      jobs: [actJob('x', () => undefined)],
      pollIntervalMs: hasRedis ? 600_000 : 50,
    });
    stopping.push(worker);
    await worker.start();
    await eventually('it has run', async () => (await statusOf([id]))[0] === 'completed');
  });

  test('takes the oldest up to the limit, says whether there are more, and a dry run only counts', async () => {
    const ids = await insertEach(...Array.from({ length: 25 }, () => failed));
    const retry = (options = {}) => retryMany(installation, { status: 'failed' }, { limit: 10, ...options });
    expect(await retry({ isDryRun: true })).toEqual({ count: 10, hasMore: true });
    expect(await retry({ isDryRun: true, limit: 25 })).toEqual({ count: 25, hasMore: false });
    expect(await withStatus('pending')).toEqual([]);
    expect(await retry()).toEqual({ count: 10, hasMore: true });
    expect(await withStatus('pending')).toEqual(ids.slice(0, 10));
    expect(await retry()).toEqual({ count: 10, hasMore: true });
    expect(await retry()).toEqual({ count: 5, hasMore: false });
    expect(await retry()).toEqual({ count: 0, hasMore: false });
  });

  test('leaves out what another transaction holds, and says that there is more', async () => {
    const ids = await insertEach(failed, failed, failed);
    await db.installation.db.transaction(async (tx) => {
      await tx.query('SELECT 1 FROM jobs WHERE id = $1 FOR UPDATE', [ids[1]]);
      expect(await retryMany(installation, { status: 'failed' })).toEqual({ count: 2, hasMore: true });
    });
    expect(await statusOf(ids)).toEqual(['pending', 'failed', 'pending']);
    expect(await retryMany(installation, { status: 'failed' })).toEqual({ count: 1, hasMore: false });
  });

  test('runs one of those that share a unique key: the oldest, and none while another has it', async () => {
    const keyed = (key: string) => ({ ...failed, unique_key: key });
    const ids = await insertEach(keyed('same'), keyed('same'), keyed('taken'), keyed('free'), failed);
    await insert({ unique_key: 'taken' });
    const all = { status: 'failed' } as const;
    expect(await retryMany(installation, all, { isDryRun: true })).toEqual({ count: 3, hasMore: false });
    expect(await retryMany(installation, all)).toEqual({ count: 3, hasMore: false });
    expect(await statusOf(ids)).toEqual(['pending', 'failed', 'failed', 'pending', 'pending']);
  });

  test('passes by a unique key that is taken while it looks', async () => {
    const ids = await insertEach(
      ...Array.from({ length: 9 }, (_, n) => ({ ...failed, unique_key: `k${n}` })),
    );
    let retried: ReturnType<typeof retryMany> | undefined;
    await db.installation.db.transaction(async (tx) => {
      await tx.query(`INSERT INTO jobs (job_type, unique_key) VALUES ('x', 'k4')`);
      retried = retryMany(installation, { status: 'failed' });
      // It does not see the new owner of the key, and waits for it at the write.
      await eventually('it waits', async () => {
        const waiting = await db.sql(
          `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%candidate AS MATERIALIZED%' AND wait_event_type = 'Lock'`,
        );
        return waiting.length > 0;
      });
    });
    expect(await retried).toEqual({ count: 8, hasMore: false });
    expect(await withStatus('failed')).toEqual([ids[4]]);
  });
});

describe('cancelling many', () => {
  test.each(CHOICES)('chooses by %s', async (_what, choice) => {
    const [chosen] = await insertEach(FIELDS, {}, { ...FIELDS, status: 'completed' });
    expect(await cancelMany(installation, choice)).toEqual({ count: 1, hasMore: false });
    expect(await withStatus('cancelled')).toEqual([chosen]);
  });

  test('finds every job that is not finished, whatever it waits for, and records why', async () => {
    const HOUR = new Date(Date.now() + 3_600_000);
    const ids = await insertEach(
      {},
      { priority: 90 },
      { scheduled_at: HOUR },
      { unmet_dependencies: 1 },
      { set_aside_at: new Date() },
      { set_aside_at: new Date(), unmet_dependencies: 1 },
      { queue: 'other', scheduled_at: HOUR, unmet_dependencies: 2 },
    );
    const done = await insert({ status: 'completed' });
    const told: number[] = [];
    installation.events.on('cancelled', ({ id }) => told.push(id));
    const choice = { status: 'pending' } as const;
    expect(await cancelMany(installation, choice, { isDryRun: true })).toEqual({ count: 7, hasMore: false });
    const cancelled = await cancelMany(installation, choice, { reason: 'the import was wrong' });
    expect(cancelled).toEqual({ count: 7, hasMore: false });
    expect(await withStatus('cancelled')).toEqual(ids);
    expect(await statusOf([done])).toEqual(['completed']);
    expect(await db.sql(`SELECT DISTINCT error_message FROM jobs WHERE status = 'cancelled'`)).toEqual([
      { error_message: 'the import was wrong' },
    ]);
    expect(told.sort((a, b) => a - b)).toEqual(ids);
  });

  test('stops running handlers within a second, and records their attempts', async () => {
    const held = new HeldRuns();
    const worker = createWorker({ installation, jobs: [held.job], concurrency: 3 });
    stopping.push(worker);
    await worker.start();
    const client = await createClient(db);
    const jobs = await client.submitMany(held.job, [{}, {}, {}, {}], { tags: ['import'] });
    await held.run(2);
    expect(await cancelMany(installation, { tag: 'import' })).toEqual({ count: 4, hasMore: false });
    for (let n = 0; n < 3; n++) {
      const { ctx } = await held.run(n);
      await eventually('its signal says so', () => ctx.signal.aborted, 5_000);
    }
    held.endAll();
    expect(
      await db.sql('SELECT attempt, status, error_class, worker_id FROM job_executions ORDER BY job_id'),
    ).toEqual(
      [1, 2, 3].map(() => ({
        attempt: 1,
        status: 'cancelled',
        error_class: 'cancelled',
        worker_id: worker.id,
      })),
    );
    expect(await statusOf(jobs.map(({ id }) => id))).toEqual(Array(4).fill('cancelled'));
  });

  test('gives dependents what their policy says', async () => {
    const parents = await insertEach({ queue: 'mail' }, { queue: 'mail' });
    const children = await insertEach(...Array.from({ length: 6 }, () => ({ queue: 'after' })));
    const edges = children.map((child, n) => [child, parents[n % 2], ['block', 'cancel', 'run'][n >> 1]]);
    for (const edge of edges)
      await db.sql(
        'INSERT INTO job_dependencies (job_id, depends_on_job_id, on_failure) VALUES ($1, $2, $3)',
        edge,
      );
    const grandchild = await insert({ queue: 'after' });
    await db.sql('INSERT INTO job_dependencies (job_id, depends_on_job_id, on_failure) VALUES ($1, $2, $3)', [
      grandchild,
      children[2],
      'cancel',
    ]);
    expect(await cancelMany(installation, { queue: 'mail' })).toEqual({ count: 2, hasMore: false });
    expect(await statusOf(children)).toEqual([
      ...['pending', 'pending'],
      ...['cancelled', 'cancelled'],
      ...['pending', 'pending'],
    ]);
    expect(await statusOf([grandchild])).toEqual(['cancelled']);
    const ready = await db.sql<{ id: number }>('SELECT id FROM get_ready_jobs(10) ORDER BY id');
    expect(ready.map(({ id }) => id)).toEqual(children.slice(4));
  });

  test('counts all jobs of a workflow that it cancels, though some would be cancelled with their parents', async () => {
    const ids = await insertEach(...Array.from({ length: 60 }, () => ({ tags: ['flow'] })));
    await db.sql(
      `INSERT INTO job_dependencies (job_id, depends_on_job_id, on_failure)
       SELECT child, parent, 'cancel' FROM unnest($1::bigint[], $2::bigint[]) AS e (child, parent)`,
      [ids.slice(1), ids.slice(0, -1)],
    );
    expect(await cancelMany(installation, { tag: 'flow' })).toEqual({ count: 60, hasMore: false });
    expect(await withStatus('cancelled')).toEqual(ids);
  });

  test('a parent of thousands takes its children with it, a thousand at a time', async () => {
    const parent = await insert({ queue: 'mail' });
    await db.sql(
      `WITH child AS (INSERT INTO jobs (job_type, queue) SELECT 'x', 'after' FROM generate_series(1, 3500) RETURNING id)
       INSERT INTO job_dependencies (job_id, depends_on_job_id, on_failure) SELECT id, $1, 'cancel' FROM child`,
      [parent],
    );
    expect(await cancelMany(installation, { queue: 'mail' })).toEqual({ count: 1, hasMore: false });
    expect(await withStatus('cancelled')).toHaveLength(3_501);
  });

  test('goes on page by page, up to the limit', async () => {
    await db.sql(
      `INSERT INTO jobs (job_type, queue, priority) SELECT 'x', 'q' || n % 3, 10 * (n % 2) FROM generate_series(1, 24000) AS n`,
    );
    const { db: spied, statements } = counted(installation.db);
    const all = { ...installation, db: spied };
    expect(await cancelMany(all, { jobType: 'x' }, { limit: 20_000 })).toEqual({
      count: 20_000,
      hasMore: true,
    });
    expect(statements()).toBeGreaterThan(40);
    expect(await cancelMany(all, { jobType: 'x' }, { limit: 20_000 })).toEqual({
      count: 4_000,
      hasMore: false,
    });
    expect(await withStatus('pending')).toEqual([]);
  }, 60_000);

  test('done by several at once, against a worker and retries: each job is cancelled once, nobody deadlocks', async () => {
    const worker = createWorker({
      installation,
      jobs: [actJob('x', () => undefined)],
      concurrency: 10,
      pollIntervalMs: 50,
    });
    stopping.push(worker);
    await worker.start();
    await db.sql(`INSERT INTO jobs (job_type) SELECT 'x' FROM generate_series(1, 4000)`);
    await db.sql(
      `INSERT INTO job_dependencies (job_id, depends_on_job_id, on_failure)
       SELECT id, id - 1 - id % 7, 'run' FROM jobs WHERE id > (SELECT min(id) + 10 FROM jobs) AND id % 3 = 0`,
    );
    const changes = await Promise.all([
      ...Array.from({ length: 3 }, () => cancelMany(installation, { jobType: 'x' }, { limit: 100_000 })),
      ...Array.from({ length: 2 }, () => retryMany(installation, { jobType: 'x' }, { limit: 500 })),
    ]);
    const cancelled = changes.slice(0, 3).reduce((sum, { count }) => sum + count, 0);
    const retried = changes.slice(3).reduce((sum, { count }) => sum + count, 0);
    await cancelMany(installation, { jobType: 'x' }, { limit: 100_000 });
    await eventually('all are finished', async () => {
      const rows = await db.sql('SELECT 1 FROM jobs WHERE completed_at IS NULL LIMIT 1');
      return rows.length === 0;
    });
    expect(cancelled).toBeGreaterThan(0);
    expect(cancelled - retried).toBeLessThanOrEqual(4_000);
    const twice = await db.sql(
      `SELECT job_id FROM job_executions WHERE status = 'completed' GROUP BY job_id HAVING count(*) > 1`,
    );
    expect(twice).toEqual([]);
  }, 60_000);
});
