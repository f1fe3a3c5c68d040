import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { prunePage } from '../../../shared/jobs/prune-jobs.js';
import { promoteDue } from '../../../shared/jobs/promote-due.js';
import { repairDependencies } from '../../../shared/jobs/repair-dependencies.js';
import { RecentlyPushed } from '../../../workers/coordinator/recently-pushed.js';
import { Promoter } from '../../../workers/coordinator/promoter.js';
import { Coordinator } from '../../../workers/coordinator/coordinator.js';
import { eventually } from '../../support/eventually.js';
import { createTestInstallation, hasRedis, type TestInstallation } from '../../support/test-installation.js';

const db: TestInstallation = await createTestInstallation();
const coordinators: Coordinator[] = [];
beforeEach(async () => {
  await db.sql('TRUNCATE jobs, job_executions, job_dependencies, dead_letter_jobs, workers');
  await db.sql(
    `UPDATE coordinator_lease SET holder = NULL, expires_at = '-infinity', promote_cursor = '-infinity'`,
  );
});
afterEach(async () => {
  for (const one of coordinators.splice(0)) await one.stop();
});
afterAll(() => db.close());

const start = async () => {
  const coordinator = new Coordinator(db);
  coordinators.push(coordinator);
  await coordinator.start();
  return coordinator;
};
const leaders = () => coordinators.filter((one) => one.isLeading).length;

describe('leadership', () => {
  test('belongs to one of ten, and passes on at once when that one stops', async () => {
    for (let i = 0; i < 10; i++) await start();
    await eventually('one leads', () => leaders() === 1);
    const [{ term }] = (await db.sql<{ term: number }>('SELECT term FROM coordinator_lease')) as [
      { term: number },
    ];
    const leader = coordinators.find((one) => one.isLeading)!;
    await leader.stop();
    await eventually('another one leads', () => leaders() === 1 && !leader.isLeading);
    expect((await db.sql<{ term: number }>('SELECT term FROM coordinator_lease'))[0]!.term).toBeGreaterThan(
      term,
    );
  });

  test('is taken from a leader that does not reach Redis, by one that does', async () => {
    await db.sql(
      `UPDATE coordinator_lease SET holder = 'c-other', expires_at = now() + interval '5 seconds', reaches_redis = false`,
    );
    const coordinator = await start();
    await eventually('it leads', () => coordinator.isLeading);
  });

  test('is taken when it would last longer than any: the clock went back, or this server took over with one that is behind', async () => {
    await db.sql(
      `UPDATE coordinator_lease SET holder = 'c-other', expires_at = now() + interval '1 hour', reaches_redis = true`,
    );
    const coordinator = await start();
    await eventually('it leads', () => coordinator.isLeading);
  });

  test('is not taken from a leader in good health', async () => {
    await db.sql(
      `UPDATE coordinator_lease SET holder = 'c-other', expires_at = now() + interval '5 seconds', reaches_redis = true`,
    );
    const coordinator = await start();
    await eventually(
      'it has asked',
      async () =>
        (await db.sql(`SELECT 1 FROM pg_stat_activity WHERE query LIKE '%coordinator_lease%'`)).length > 0,
    );
    expect(coordinator.isLeading).toBe(false);
  });
});

test('who has not seen PostgreSQL answer for a while declares nobody dead as soon as it leads', async () => {
  // As after an outage that was shorter than a lease and its grace: the former leader's lease has just run out.
  await db.sql(`UPDATE coordinator_lease SET holder = 'c-other', expires_at = now() - interval '1 second'`);
  await db.sql(`
    INSERT INTO workers (id, hostname, pid, version, queues, job_types, concurrency, dead_after_ms, last_seen_at)
    VALUES ('w-1', 'h', 1, '1', '{default}', '{x}', 1, 60000, now() - interval '1 hour')`);
  const coordinator = await start();
  await eventually('it leads', () => coordinator.isLeading);
  const expiry = async () => (await db.sql('SELECT expires_at::text FROM coordinator_lease'))[0]!.expires_at;
  // It has renewed its lease twice: rescues go on as often.
  for (let renewals = 0, before = await expiry(); renewals < 3; renewals++) {
    await eventually('it renews its lease', async () => (await expiry()) !== before);
    before = await expiry();
  }
  expect(await db.sql('SELECT 1 FROM workers WHERE dead_at IS NOT NULL')).toEqual([]);
});

test('who has seen PostgreSQL answer all the time takes over with what is known of workers', async () => {
  const renew = () =>
    db.sql(
      `UPDATE coordinator_lease SET holder = 'c-other', reaches_redis = true, expires_at = now() + interval '3 seconds'`,
    );
  await db.sql(`
    INSERT INTO workers (id, hostname, pid, version, queues, job_types, concurrency, dead_after_ms, last_seen_at)
    VALUES ('w-1', 'h', 1, '1', '{default}', '{x}', 1, 60000, now() - interval '1 hour')`);
  await renew();
  const coordinator = await start();
  // The other one leads for a while, and dies.
  for (let renewals = 0; renewals < 8; renewals++) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    await renew();
  }
  await eventually('it leads', () => coordinator.isLeading);
  await eventually(
    'the worker is declared dead',
    async () => (await db.sql('SELECT 1 FROM workers WHERE dead_at IS NOT NULL')).length === 1,
    30_000,
  );
}, 60_000);

const testWithRedis = hasRedis ? test : test.skip;

describe('promotion', () => {
  testWithRedis(
    'pushes each due job once, also when the cursor looks back, and thousands due at the same time',
    async () => {
      await db.sql(
        `INSERT INTO jobs (job_type, scheduled_at) SELECT 'x', now() - interval '1 second' FROM generate_series(1, 2500)`,
      );
      const pushed = new RecentlyPushed(60_000);
      const first = await promoteDue(db.installation, { scheduledAt: '-infinity', id: 0 }, pushed);
      expect(first.count).toBe(2_500);
      expect((await promoteDue(db.installation, { scheduledAt: '-infinity', id: 0 }, pushed)).count).toBe(0);
      expect((await promoteDue(db.installation, first.cursor, new RecentlyPushed(1))).count).toBe(0);
    },
  );
});

describe('the promoter', () => {
  testWithRedis('does not push a job again and again that nobody takes', async () => {
    await db.sql(`INSERT INTO jobs (job_type, scheduled_at) SELECT 'x', now() FROM generate_series(1, 100)`);
    let promoted = 0;
    const count = (event: { count: number }) => (promoted += event.count);
    db.installation.events.on('promoted', count);
    const promoter = new Promoter(db.installation, '-infinity');
    // Rounds of five seconds in which the clock of the look-back runs: more than it remembers.
    const end = performance.now() + 5_500;
    while (performance.now() < end) {
      const waitMs = await promoter.runOnce();
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
    db.installation.events.off('promoted', count);
    expect(promoted).toBe(100);
  });
});

describe('retention', () => {
  const prune = async () => {
    let deleted = 0;
    for (let after: number | null = 0; after !== null;) {
      const page = await prunePage(db.installation, after, { retentionMs: 3_600_000, pageSize: 7 });
      deleted += page.deleted;
      after = page.nextAfterId;
    }
    return deleted;
  };

  test('deletes old finished jobs with their history, and nothing else', async () => {
    await db.sql(`INSERT INTO jobs (job_type, status, created_at, completed_at)
                  SELECT 'x', 'completed', now() - interval '2 hours', now() - interval '2 hours' FROM generate_series(1, 20)`);
    await db.sql(
      `INSERT INTO job_executions (job_id, attempt, status, started_at, duration_ms) SELECT id, 1, 'completed', now(), 1 FROM jobs`,
    );
    await db.sql(
      `INSERT INTO jobs (job_type, status, created_at) VALUES ('x', 'pending', now() - interval '2 hours')`,
    );
    await db.sql(`INSERT INTO jobs (job_type, status) VALUES ('x', 'completed')`);
    expect(await prune()).toBe(20);
    expect(await db.sql('SELECT count(*) AS n FROM jobs')).toEqual([{ n: 2 }]);
    expect(await db.sql('SELECT count(*) AS n FROM job_executions')).toEqual([{ n: 0 }]);
  });

  test('keeps jobs with an open dead letter, and parents of unfinished children', async () => {
    const old = `now() - interval '2 hours'`;
    const [dead] = await db.sql<{ id: number }>(
      `INSERT INTO jobs (job_type, status, created_at, completed_at) VALUES ('x', 'failed', ${old}, ${old}) RETURNING id`,
    );
    const [parent] = await db.sql<{ id: number }>(
      `INSERT INTO jobs (job_type, status, created_at, completed_at) VALUES ('x', 'completed', ${old}, ${old}) RETURNING id`,
    );
    await db.sql(
      `INSERT INTO dead_letter_jobs (job_id, queue, job_type, payload, fingerprint, attempts, reason) VALUES ($1, 'default', 'x', '{}', 'f', 1, 'permanent')`,
      [dead!.id],
    );
    await db.sql(`SELECT submit_job('x', depends_on => ARRAY[$1::bigint])`, [parent!.id]);
    expect(await prune()).toBe(0);
    await db.sql(`UPDATE dead_letter_jobs SET status = 'discarded', reviewed_at = now()`);
    expect(await prune()).toBe(1);
  });
});

describe('a release that a crash cut short', () => {
  test('is finished by the repair', async () => {
    const [parent] = await db.sql<{ id: number }>(`INSERT INTO jobs (job_type) VALUES ('x') RETURNING id`);
    const [child] = await db.sql<{ id: number }>(
      `SELECT submit_job('x', depends_on => ARRAY[$1::bigint]) AS id`,
      [parent!.id],
    );
    // As a worker's settle does it: the row has an owner, so that the trigger leaves the release to the worker, which dies.
    await db.sql(
      `UPDATE jobs SET status = 'completed', worker_id = 'w-1', started_at = now(), completed_at = now() - interval '1 minute', updated_at = now() WHERE id = $1`,
      [parent!.id],
    );
    expect(await db.sql('SELECT unmet_dependencies FROM jobs WHERE id = $1', [child!.id])).toEqual([
      { unmet_dependencies: 1 },
    ]);
    await repairDependencies(db.installation, 0);
    expect(await db.sql('SELECT unmet_dependencies FROM jobs WHERE id = $1', [child!.id])).toEqual([
      { unmet_dependencies: 0 },
    ]);
  });

  test('goes page by page through the jobs that wait', async () => {
    const [parent] = await db.sql<{ id: number }>(`INSERT INTO jobs (job_type) VALUES ('x') RETURNING id`);
    await db.sql(
      `WITH child AS (
         INSERT INTO jobs (job_type, unmet_dependencies) SELECT 'x', 1 FROM generate_series(1, 2001) RETURNING id
       ) INSERT INTO job_dependencies (job_id, depends_on_job_id) SELECT id, $1 FROM child WHERE id = (SELECT max(id) FROM child)`,
      [parent!.id],
    );
    await db.sql(
      `UPDATE jobs SET status = 'completed', worker_id = 'w-1', started_at = now(), completed_at = now() - interval '1 minute', updated_at = now() WHERE id = $1`,
      [parent!.id],
    );
    const released = async () =>
      (await db.sql('SELECT 1 FROM job_dependencies WHERE satisfied_at IS NOT NULL')).length;
    const next = await repairDependencies(db.installation, 0);
    expect([next, await released()]).toEqual([expect.any(Number), 0]);
    expect(await repairDependencies(db.installation, next!)).toBe(null);
    expect(await released()).toBe(1);
  });
});
