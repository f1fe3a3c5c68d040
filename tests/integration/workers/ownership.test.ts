import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { ClaimedJob } from '../../../shared/jobs/claimed-job.js';
import { complete, release, retry } from '../../../shared/jobs/outcome.js';
import { claimJobs } from '../../../shared/jobs/claim-jobs.js';
import { claimReady } from '../../../shared/jobs/claim-ready.js';
import { rescueJobs } from '../../../shared/jobs/rescue-jobs.js';
import { settleOutcomes } from '../../../shared/jobs/settle-jobs.js';
import { declareDeadWorkers, registerWorker } from '../../../shared/workers/registry.js';
import { ClaimLedger } from '../../../workers/claim-ledger.js';
import { Claimer } from '../../../workers/claimer.js';
import { RunningAttempts } from '../../../workers/running-attempts.js';
import { eventually } from '../../support/eventually.js';
import { createTestInstallation, type TestInstallation } from '../../support/test-installation.js';

/** Who owns an attempt, and what happens when that changes hands. */
let db: TestInstallation;
beforeAll(async () => {
  db = await createTestInstallation();
});
beforeEach(() =>
  db.sql(
    'TRUNCATE jobs, job_executions, job_dependencies, dead_letter_jobs, claim_batches, workers, cancel_requests',
  ),
);
afterAll(() => db.close());

const register = (id: string) =>
  registerWorker(db.installation.db, id, {
    queues: ['default'],
    jobTypes: ['held'],
    concurrency: 5,
    deadAfterMs: 10_000,
  });
const request = (workerId: string, batchNo = 1) => ({
  workerId,
  batchNo,
  jobTypes: ['held'],
  mayClaimSuspect: true,
});
const submitSql = async (columns = '', values = '') =>
  (
    await db.sql<{ id: number }>(
      `INSERT INTO jobs (job_type${columns}) VALUES ('held'${values}) RETURNING id`,
    )
  )[0]!.id;
const claim = (ids: number[], workerId = 'w-1', batchNo = 1) =>
  claimJobs(db.installation.db, ids, request(workerId, batchNo));
/** Of worker w-1, which knows of no claim. */
const createClaimer = (unsettled: readonly ClaimedJob[] = []) =>
  new Claimer({
    installation: db.installation,
    workerId: 'w-1',
    jobTypes: ['held'],
    ledger: new ClaimLedger(),
    running: new RunningAttempts(),
    unsettledJobs: () => unsettled,
  });
const end = { durationMs: 1, logs: [] };
const settle = async (workerId: string, ...outcomes: ReturnType<typeof complete>[]) => {
  const options = { finishedBatches: [], isDeadLetterEnabled: true, maxResultBytes: 1_000 };
  return (await settleOutcomes(db.installation.db, workerId, outcomes, options)).settled;
};
const row = async (id: number) => (await db.sql('SELECT * FROM jobs WHERE id = $1', [id]))[0]!;
const attempts = async (id: number) =>
  (
    await db.sql('SELECT attempt, status, worker_id FROM job_executions WHERE job_id = $1 ORDER BY 1', [id])
  ).map((r) => Object.values(r));

describe('a claim', () => {
  beforeEach(() => register('w-1'));

  test('takes pending, due, unblocked jobs of its types in queues that are not paused, and nothing else', async () => {
    const good = await submitSql();
    const due = await submitSql(', scheduled_at', `, now() - interval '1 minute'`);
    const others = [
      await submitSql(', status', `, 'completed'`),
      await submitSql(', scheduled_at', `, now() + interval '1 minute'`),
      await submitSql(', unmet_dependencies', ', 1'),
      await submitSql(', queue', `, 'paused'`),
      (await db.sql<{ id: number }>(`INSERT INTO jobs (job_type) VALUES ('unknown') RETURNING id`))[0]!.id,
      987_654_321,
    ];
    await db.sql(`INSERT INTO queues (name, paused_at) VALUES ('paused', now()) ON CONFLICT DO NOTHING`);
    const claimed = await claim([good, good, due, ...others]);
    expect(claimed.map(({ id }) => id).sort()).toEqual([good, due].sort());
    expect(await row(good)).toMatchObject({ status: 'running', attempt: 1, worker_id: 'w-1' });
    expect(await db.sql('SELECT job_ids FROM claim_batches')).toEqual([
      { job_ids: expect.arrayContaining([good, due]) },
    ]);
  });

  test('is HOT: it leaves no new index entries', async () => {
    const ids = (
      await db.sql<{ id: number }>(
        `INSERT INTO jobs (job_type) SELECT 'held' FROM generate_series(1, 100) RETURNING id`,
      )
    ).map(({ id }) => id);
    const hot = await db.installation.db.transaction(async (tx) => {
      await claimJobs(tx, ids, request('w-1'));
      return (await tx.query(`SELECT pg_stat_get_xact_tuples_hot_updated('jobs'::regclass)::int AS hot`))
        .rows[0] as { hot: number };
    });
    // One row may find its page full.
    expect(hot.hot).toBeGreaterThanOrEqual(98);
  });

  test('by two workers at once gives each job to one of them', async () => {
    await register('w-2');
    const ids: number[] = [];
    for (let i = 0; i < 40; i++) ids.push(await submitSql());
    const [a, b] = await Promise.all([claim(ids, 'w-1'), claim([...ids].reverse(), 'w-2')]);
    expect(a.length + b.length).toBe(40);
    expect(new Set([...a, ...b].map(({ id }) => id)).size).toBe(40);
  });

  test('of a worker declared dead takes nothing', async () => {
    const id = await submitSql();
    await db.sql('UPDATE workers SET dead_at = now()');
    expect(await claim([id])).toEqual([]);
    expect(
      await claimReady(db.installation.db, { queue: 'default', count: 5, readyForMs: 0 }, request('w-1')),
    ).toEqual([]);
  });

  test('from PostgreSQL itself takes urgent ones first and skips locked rows', async () => {
    const low = await submitSql();
    const high = await submitSql(', priority', ', 90');
    const held = await submitSql(', priority', ', 100');
    await db.installation.db.transaction(async (tx) => {
      await tx.query('SELECT 1 FROM jobs WHERE id = $1 FOR UPDATE', [held]);
      const search = { queue: 'default', count: 1, readyForMs: 0 };
      expect((await claimReady(db.installation.db, search, request('w-1', 1))).map(({ id }) => id)).toEqual([
        high,
      ]);
      expect((await claimReady(db.installation.db, search, request('w-1', 2))).map(({ id }) => id)).toEqual([
        low,
      ]);
      expect(await claimReady(db.installation.db, search, request('w-1', 3))).toEqual([]);
    });
  });

  test('leaves out a row that somebody holds, and takes the rest of the batch', async () => {
    const ids = [await submitSql(), await submitSql(), await submitSql()];
    const claimer = createClaimer();
    await db.installation.db.transaction(async (tx) => {
      await tx.query('SELECT 1 FROM jobs WHERE id = $1 FOR UPDATE', [ids[1]]);
      expect((await claimer.claim(ids)).jobs.map(({ id }) => id)).toEqual([ids[0], ids[2]]);
    });
  });

  test('whose reply was lost is found and released without a charge', async () => {
    const id = await submitSql();
    await claim([id], 'w-1', 77);
    const claimer = createClaimer();
    await claimer.reconcile();
    expect(await row(id)).toMatchObject({ status: 'pending', attempt: 1, retry_count: 0 });
    expect(await attempts(id)).toEqual([[1, 'released', 'w-1']]);
    expect(await db.sql('SELECT 1 FROM claim_batches')).toEqual([]);
  });

  test('whose reply was lost is released but for a row that somebody holds, and that one later', async () => {
    const ids = [await submitSql(), await submitSql(), await submitSql()];
    await claim(ids, 'w-1', 77);
    const claimer = createClaimer();
    await db.installation.db.transaction(async (tx) => {
      await tx.query('SELECT 1 FROM jobs WHERE id = $1 FOR UPDATE', [ids[1]]);
      await claimer.reconcile();
      const statuses = await Promise.all(ids.map(async (id) => (await row(id)).status));
      expect(statuses).toEqual(['pending', 'running', 'pending']);
      // The others may be claimed anew: they are of this claim no longer.
      expect(await db.sql('SELECT job_ids FROM claim_batches')).toEqual([{ job_ids: [ids[1]] }]);
    });
    await claimer.reconcile();
    expect(await row(ids[1]!)).toMatchObject({ status: 'pending', attempt: 1 });
    expect(await attempts(ids[1]!)).toEqual([[1, 'released', 'w-1']]);
    expect(await db.sql('SELECT 1 FROM claim_batches')).toEqual([]);
  });

  test('whose reply was lost is not released when its job was claimed anew meanwhile', async () => {
    const id = await submitSql();
    const [first] = await claim([id], 'w-1', 77);
    // Another one releases it, and holds the row of the claim until the job is this worker's again.
    const released = db.installation.db.transaction(async (tx) => {
      await tx.query('SELECT 1 FROM claim_batches FOR UPDATE');
      const reconciled = createClaimer().reconcile();
      await eventually('it waits for the claim', async () => {
        const waiting = await db.sql(
          `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
        );
        return waiting.length > 0;
      });
      await settle('w-1', release({ ...end, job: first! }, 'for the test'));
      await claim([id], 'w-1', 78);
      return { reconciled };
    });
    await (await released).reconciled.catch(() => undefined);
    expect(await row(id)).toMatchObject({ status: 'running', attempt: 2 });
  });

  test('is released also while an older attempt of its job waits to be recorded', async () => {
    const id = await submitSql();
    const [first] = await claim([id], 'w-1', 1);
    await settle('w-1', release({ ...end, job: first! }, 'for the test'));
    await claim([id], 'w-1', 77);
    const claimer = createClaimer([first!]);
    await claimer.reconcile();
    expect(await row(id)).toMatchObject({ status: 'pending', attempt: 2 });
    expect(await attempts(id)).toEqual([
      [1, 'released', 'w-1'],
      [2, 'released', 'w-1'],
    ]);
  });
});

describe('a settle', () => {
  test('finds room for its entries in the primary key', async () => {
    await register('w-1');
    const submitted = await db.sql<{ id: number }>(
      `INSERT INTO jobs (job_type) SELECT 'held' FROM generate_series(1, 3000) RETURNING id`,
    );
    const sizeOfKey = async () =>
      (await db.sql<{ size: number }>(`SELECT pg_relation_size('jobs_pkey')::int AS size`))[0]!.size;
    const before = await sizeOfKey();
    const jobs = await claim(submitted.map(({ id }) => id));
    await settle('w-1', ...jobs.map((job) => complete({ ...end, job }, undefined)));
    expect(jobs).toHaveLength(3000);
    // A page or two may be split; without room all of them are, and it grows by three quarters.
    expect(await sizeOfKey()).toBeLessThan(1.2 * before);
  });

  test('is recorded once: the second one finds no row', async () => {
    await register('w-1');
    const [job] = await claim([await submitSql()]);
    expect(await settle('w-1', complete({ ...end, job: job! }, { a: 1 }))).toHaveLength(1);
    expect(await settle('w-1', complete({ ...end, job: job! }, { a: 2 }))).toHaveLength(0);
    expect(await row(job!.id)).toMatchObject({ result: { a: 1 } });
    expect(await attempts(job!.id)).toEqual([[1, 'completed', 'w-1']]);
  });

  test('of a batch in which one is no longer ours names those that were', async () => {
    await register('w-1');
    const jobs = await claim([await submitSql(), await submitSql(), await submitSql()]);
    await db.sql(`SELECT cancel_job($1, 'gone')`, [jobs[1]!.id]);
    const settled = await settle('w-1', ...jobs.map((job) => complete({ ...end, job }, null)));
    expect(settled.map(({ job }) => job.id)).toEqual([jobs[0]!.id, jobs[2]!.id]);
  });

  test('of a stale attempt changes nothing, whether attempt or worker differs', async () => {
    await register('w-1');
    await register('w-2');
    const [stale] = await claim([await submitSql()]);
    const failure = { message: 'x', errorClass: 'transient' as const };
    await settle('w-1', retry({ ...end, job: stale! }, failure, 0));
    const [fresh] = await claim([stale!.id], 'w-2', 2);
    expect(fresh!.attempt).toBe(2);
    expect(await settle('w-1', complete({ ...end, job: stale! }, 'stale'))).toEqual([]);
    expect(await settle('w-1', complete({ ...end, job: fresh! }, 'not the owner'))).toEqual([]);
    expect(await settle('w-2', complete({ ...end, job: { ...fresh!, attempt: 1 } }, 'old'))).toEqual([]);
    expect(await row(stale!.id)).toMatchObject({ status: 'running', worker_id: 'w-2' });
  });
});

/** PostgreSQL has answered without a gap for so long. */
const seenFor = async (interval: string) =>
  (
    await db.sql<{ from: string; until: string }>(
      `SELECT (now() - $1::interval)::text AS from, now()::text AS until`,
      [interval],
    )
  )[0]!;

describe('a rescue', () => {
  const die = async (id: string) => {
    await db.sql(`UPDATE workers SET last_seen_at = now() - interval '1 hour' WHERE id = $1`, [id]);
    expect(await declareDeadWorkers(db.installation.db, await seenFor('1 minute'))).toContain(id);
  };

  test('makes a dead worker’s jobs ready again, on record as lost and not charged', async () => {
    await register('w-1');
    const id = await submitSql();
    await claim([id]);
    expect(await rescueJobs(db.installation, 'lately')).toBe(0);
    await die('w-1');
    expect(await rescueJobs(db.installation, 'lately')).toBe(1);
    expect(await row(id)).toMatchObject({
      status: 'pending',
      retry_count: 0,
      lost_count: 1,
      worker_id: null,
    });
    expect(await attempts(id)).toEqual([[1, 'lost', 'w-1']]);
    expect(await rescueJobs(db.installation, 'lately')).toBe(0);
  });

  test('looks at claims of workers that went long ago, or are not on record, only when it looks at all', async () => {
    for (const [batchNo, id] of ['w-1', 'w-2', 'w-3'].entries()) {
      await register(id);
      await claim([await submitSql()], id, batchNo + 1);
    }
    await db.sql(`UPDATE workers SET dead_at = now() - interval '2 minutes' WHERE id = 'w-1'`);
    await db.sql(`DELETE FROM workers WHERE id = 'w-2'`);
    expect(await rescueJobs(db.installation, 'lately')).toBe(0);
    expect(await rescueJobs(db.installation, 'ever')).toBe(2);
    expect(await db.sql('SELECT worker_id FROM claim_batches')).toEqual([{ worker_id: 'w-3' }]);
  });

  test('declares nobody dead before PostgreSQL was seen for a full lease', async () => {
    await register('w-1');
    await db.sql(`UPDATE workers SET last_seen_at = now() - interval '1 hour'`);
    expect(await declareDeadWorkers(db.installation.db, await seenFor('5 seconds'))).toEqual([]);
    expect(await declareDeadWorkers(db.installation.db, await seenFor('10 seconds'))).toEqual(['w-1']);
  });

  test('declares a worker dead whose last beat is to come, after a full lease without another: the clock went back', async () => {
    await register('w-1');
    await db.sql(`UPDATE workers SET last_seen_at = now() + interval '1 hour'`);
    expect(await declareDeadWorkers(db.installation.db, await seenFor('5 seconds'))).toEqual([]);
    expect(await declareDeadWorkers(db.installation.db, await seenFor('10 seconds'))).toEqual(['w-1']);
  });

  test('files a job that killed its process alone three times as a poison dead letter', async () => {
    const id = await submitSql();
    for (let loss = 1; loss <= 5; loss++) {
      await register(`w-${loss}`);
      await db.sql('UPDATE jobs SET scheduled_at = NULL WHERE id = $1', [id]);
      expect(await claim([id], `w-${loss}`, loss)).toHaveLength(1);
      await die(`w-${loss}`);
      await rescueJobs(db.installation, 'lately');
    }
    expect(await row(id)).toMatchObject({
      status: 'failed',
      lost_count: 5,
      retry_count: 0,
      error_class: 'lost',
    });
    expect(await db.sql('SELECT reason, status FROM dead_letter_jobs')).toEqual([
      { reason: 'poison', status: 'open' },
    ]);
    expect(await attempts(id)).toHaveLength(5);
  });

  test('gets past batches whose rows somebody holds, however many', async () => {
    await register('w-1');
    const held: number[] = [];
    while (held.length < 101) held.push(await submitSql());
    for (const [index, id] of held.entries()) await claim([id], 'w-1', index + 1);
    const free = await submitSql();
    await claim([free], 'w-1', 500);
    await die('w-1');
    await db.installation.db.transaction(async (tx) => {
      await tx.query('SELECT 1 FROM jobs WHERE id = ANY ($1::bigint[]) FOR UPDATE', [held]);
      expect(await rescueJobs(db.installation, 'lately')).toBe(1);
      expect(await row(free)).toMatchObject({ status: 'pending' });
    });
    expect(await rescueJobs(db.installation, 'lately')).toBe(101);
  });

  test('leaves a row that somebody holds for the next round', async () => {
    await register('w-1');
    const [held, free] = [await submitSql(), await submitSql()];
    await claim([held, free]);
    await die('w-1');
    await db.installation.db.transaction(async (tx) => {
      await tx.query('SELECT 1 FROM jobs WHERE id = $1 FOR UPDATE', [held]);
      expect(await rescueJobs(db.installation, 'lately')).toBe(1);
    });
    expect(await rescueJobs(db.installation, 'lately')).toBe(1);
    expect(await db.sql('SELECT 1 FROM claim_batches')).toEqual([]);
  });
});
