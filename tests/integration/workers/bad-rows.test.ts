import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Installation } from '../../../shared/installation.js';
import { cancelJob } from '../../../shared/jobs/cancel-job.js';
import { cancelMany } from '../../../shared/jobs/cancel-many.js';
import { repairDependencies } from '../../../shared/jobs/repair-dependencies.js';
import { rescueJobs } from '../../../shared/jobs/rescue-jobs.js';
import { declareDeadWorkers, takeBackSetAside } from '../../../shared/workers/registry.js';
import { Pruner } from '../../../workers/coordinator/pruner.js';
import { createWorker } from '../../../workers/create-worker.js';
import { eventually } from '../../support/eventually.js';
import { createTestInstallation } from '../../support/test-installation.js';
import { actJob } from '../../support/test-jobs.js';

/** One row that is held, refused or strange stops no duty for all the others. */
const db = await createTestInstallation();
beforeEach(() =>
  db.sql(
    'TRUNCATE jobs, job_executions, job_dependencies, dead_letter_jobs, claim_batches, cancel_requests, workers',
  ),
);
afterEach(() => db.sql('DROP TRIGGER IF EXISTS refuse_bad ON jobs; DROP TABLE IF EXISTS invoices'));
afterAll(() => db.close());

const refuse = (when: string) =>
  db.sql(`
    CREATE OR REPLACE FUNCTION refuse_bad() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
    CREATE TRIGGER refuse_bad BEFORE UPDATE ON jobs FOR EACH ROW WHEN (NEW.job_type = 'bad' AND ${when})
      EXECUTE FUNCTION refuse_bad()`);
const insert = async (columns: string, values: string, types: readonly string[]) =>
  (
    await db.sql<{ id: number }>(
      `INSERT INTO jobs (job_type, ${columns}) SELECT type, ${values} FROM unnest($1::text[]) AS type RETURNING id`,
      [types],
    )
  ).map(({ id }) => id);
const statuses = async (ids: readonly number[]) =>
  (
    await db.sql<{ status: string }>('SELECT status FROM jobs WHERE id = ANY ($1::bigint[]) ORDER BY id', [
      ids,
    ])
  ).map(({ status }) => status);
const register = (id: string, seen: string) =>
  db.sql(
    `INSERT INTO workers (id, hostname, pid, version, queues, job_types, concurrency, dead_after_ms, last_seen_at)
     VALUES ($1, 'h', 1, '1', '{default}', '{good,bad}', 1, 1000, now() - $2::interval)`,
    [id, seen],
  );
/** Of a worker that is gone. */
const claimed = async (types: readonly string[], startedAgo = '1 minute') => {
  const ids = await insert(
    'status, attempt, worker_id, started_at',
    `'running', 1, 'w-gone', now() - interval '${startedAgo}'`,
    types,
  );
  await db.sql(`INSERT INTO claim_batches (worker_id, batch_no, job_ids) VALUES ('w-gone', $1, $2)`, [
    ids[0],
    ids,
  ]);
  return ids;
};

describe('a row that a trigger refuses', () => {
  test('is left by the rescue, which makes the others of its claim ready', async () => {
    await refuse(`NEW.status = 'pending'`);
    const ids = await claimed(['good', 'bad', 'good']);
    expect(await rescueJobs(db.installation, 'ever')).toBe(2);
    expect(await statuses(ids)).toEqual(['pending', 'running', 'pending']);
    await db.sql('DROP TRIGGER refuse_bad ON jobs');
    expect(await rescueJobs(db.installation, 'ever')).toBe(1);
    expect(await db.sql('SELECT 1 FROM claim_batches')).toEqual([]);
  });

  test('stays set aside, and lets workers of its type start, and the others run', async () => {
    await refuse('NEW.set_aside_at IS NULL');
    const ids = await insert('set_aside_at', 'now()', ['good', 'bad', 'good']);
    const jobs = ['good', 'bad'].map((type) => actJob(type, () => 'done'));
    const worker = createWorker({ installation: db.installation, jobs });
    await worker.start();
    await eventually('the others run', async () => {
      const found = await statuses(ids);
      return found.filter((status) => status === 'completed').length === 2;
    });
    expect(await statuses(ids)).toEqual(['completed', 'pending', 'completed']);
    await worker.stop();
  });
});

test('a row that may not be deleted is passed by, and all behind it are', async () => {
  const old = `'completed', now() - interval '2 hours', now() - interval '2 hours'`;
  const ids = await insert('status, created_at, completed_at', old, Array<string>(30).fill('x'));
  await db.sql('CREATE TABLE invoices (job_id bigint REFERENCES jobs (id))');
  await db.sql('INSERT INTO invoices VALUES ($1), ($2)', [ids[3], ids[17]]);
  const pruner = new Pruner(db.installation, 3_600_000);
  for (let after: number | null = 0; after !== null;) after = await pruner.prune(after);
  expect((await db.sql<{ id: number }>('SELECT id FROM jobs ORDER BY id')).map(({ id }) => id)).toEqual([
    ids[3],
    ids[17],
  ]);
});

test('a young row with a low id does not end the walk of retention', async () => {
  await insert('status', `'completed'`, ['young']);
  await insert(
    'status, created_at, completed_at',
    `'completed', now() - interval '2 hours', now() - interval '2 hours'`,
    [...Array<string>(20).fill('x')],
  );
  const pruner = new Pruner(db.installation, 3_600_000);
  for (let after: number | null = 0; after !== null;) after = await pruner.prune(after);
  expect(await db.sql('SELECT job_type FROM jobs')).toEqual([{ job_type: 'young' }]);
});

test('a child that is held keeps no other from being released by the sweep', async () => {
  const parents = await insert('priority', '50', ['parent', 'parent']);
  const [held, free] = await Promise.all(
    parents.map(async (parent) => {
      const [child] = await db.sql<{ id: number }>(
        `SELECT submit_job('child', depends_on => ARRAY[$1::bigint]) AS id`,
        [parent],
      );
      return child!.id;
    }),
  );
  // Whoever settled them crashed before it released what waits for them.
  await db.sql(
    `UPDATE jobs SET status = 'completed', worker_id = 'w-1', started_at = now(), completed_at = now() - interval '1 minute', updated_at = now()
      WHERE id = ANY ($1::bigint[])`,
    [parents],
  );
  const unmet = async () =>
    (
      await db.sql<{ n: number }>(
        'SELECT unmet_dependencies AS n FROM jobs WHERE id = ANY ($1::bigint[]) ORDER BY id <> $2',
        [[held, free], held],
      )
    ).map(({ n }) => n);
  await db.installation.db.transaction(async (tx) => {
    await tx.query('SELECT 1 FROM jobs WHERE id = $1 FOR UPDATE', [held]);
    await repairDependencies(db.installation, 0);
    expect(await unmet()).toEqual([1, 0]);
  });
  await repairDependencies(db.installation, 0);
  expect(await unmet()).toEqual([0, 0]);
});

test('a worker whose row is held does not keep others from being declared dead', async () => {
  for (const id of ['w-1', 'w-2']) await register(id, '1 hour');
  const [seen] = await db.sql<{ from: string; until: string }>(
    `SELECT (now() - interval '1 hour')::text AS from, now()::text AS until`,
  );
  await db.installation.db.transaction(async (tx) => {
    await tx.query(`SELECT 1 FROM workers WHERE id = 'w-1' FOR UPDATE`);
    expect(await declareDeadWorkers(db.installation.db, seen!)).toEqual(['w-2']);
  });
  expect(await declareDeadWorkers(db.installation.db, seen!)).toEqual(['w-1']);
});

test('an attempt that began months ago is rescued, and cancelled, one by one and together', async () => {
  const ids = await claimed(['good', 'good', 'good'], '90 days');
  await cancelJob(db.installation, ids[0]!);
  await cancelMany(db.installation, { ids: [ids[1]!] }, { limit: 1 });
  expect(await rescueJobs(db.installation, 'ever')).toBe(1);
  expect(await db.sql('SELECT job_id, status, duration_ms FROM job_executions ORDER BY job_id')).toEqual(
    ['cancelled', 'cancelled', 'lost'].map((status, index) => ({
      job_id: ids[index],
      status,
      duration_ms: 2_147_483_647,
    })),
  );
});

test('jobs that are set aside again while they are taken back do not keep the taking back for ever', async () => {
  const ids = await insert('set_aside_at', 'now()', ['good', 'good']);
  let dispatched = 0;
  // Another worker takes each of them, and sets it aside again at once.
  const events = Object.create(db.installation.events) as Installation['events'];
  const lanes = db.installation.lanes && {
    ...db.installation.lanes,
    push: async () => {
      dispatched++;
      await db.sql('UPDATE jobs SET set_aside_at = clock_timestamp() WHERE id = ANY ($1::bigint[])', [ids]);
    },
  };
  await takeBackSetAside({ ...db.installation, events, lanes }, 'default', ['good']);
  expect(dispatched).toBe(lanes ? 1 : 0);
});
