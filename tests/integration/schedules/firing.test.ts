import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import type { HoldfastEvents } from '../../../shared/observe/events.js';
import { changeSchedule } from '../../../shared/schedules/change-schedule.js';
import { fireSchedules } from '../../../shared/schedules/fire-schedules.js';
import { pruneFires } from '../../../shared/schedules/prune-fires.js';
import { runSchedule } from '../../../shared/schedules/run-schedule.js';
import { Scheduler } from '../../../workers/coordinator/scheduler.js';
import { eventually } from '../../support/eventually.js';
import { createTestInstallation } from '../../support/test-installation.js';

const db = await createTestInstallation({ poolSize: 20 });
afterAll(() => db.close());

const fired: HoldfastEvents['scheduleFired'][0][number][] = [];
const misfired: HoldfastEvents['scheduleMisfired'][0][] = [];
const failed: HoldfastEvents['scheduleFailed'][0][] = [];
db.installation.events.on('scheduleFired', (fires) => fired.push(...fires));
db.installation.events.on('scheduleMisfired', (one) => misfired.push(one));
db.installation.events.on('scheduleFailed', (one) => failed.push(one));

beforeEach(async () => {
  for (const seen of [fired, misfired, failed]) seen.splice(0);
  await db.sql('TRUNCATE jobs, job_dependencies, job_schedules, job_schedule_fires');
});

interface Given {
  readonly name?: string;
  readonly cron?: string | null;
  readonly intervalMs?: number | null;
  /** How long ago its fires began to be due. */
  readonly dueSecondsAgo?: number | null;
  readonly misfire?: string;
  readonly overlap?: string;
  readonly maxCatchUp?: number;
}

/** A row as SQL writes it; due at a whole second, every ten minutes. */
async function insert({
  name = 'report',
  cron = null,
  intervalMs = cron === null ? 600_000 : null,
  dueSecondsAgo = 0,
  misfire = 'fire_once',
  overlap = 'allow',
  maxCatchUp = 100,
}: Given): Promise<number> {
  const due = dueSecondsAgo === null ? null : new Date(Date.now() - dueSecondsAgo * 1_000);
  const [row] = await db.sql<{ id: number }>(
    `INSERT INTO job_schedules (name, job_type, cron_expression, interval_ms, next_run_at, starts_at, misfire_policy, overlap_policy, max_catch_up)
     VALUES ($1, 'x', $2, $3, $4, $5, $6, $7, $8) RETURNING id`,
    [name, cron, intervalMs, due, intervalMs === null ? null : due, misfire, overlap, maxCatchUp],
  );
  return row!.id;
}

const jobs = () =>
  db.sql<{ id: number; at: string; name: string }>(
    `SELECT id, metadata->>'fire_at' AS at, metadata->>'schedule' AS name FROM jobs ORDER BY id`,
  );
const fires = () =>
  db.sql<{ outcome: string; missed: number | null; n: number }>(
    'SELECT outcome, missed, count(*) AS n FROM job_schedule_fires GROUP BY 1, 2 ORDER BY 1, 2',
  );
const schedule = async (name = 'report') =>
  (
    await db.sql<{
      next_run_at: Date | null;
      last_run_at: Date | null;
      last_job_id: number | null;
      last_error: string | null;
      is_ahead: boolean;
    }>('SELECT *, next_run_at > now() AS is_ahead FROM job_schedules WHERE name = $1', [name])
  )[0]!;
/** All that is due. Returns when the scheduler would look again. */
async function run(scheduler = new Scheduler(db.installation)): Promise<number> {
  for (;;) {
    const waitMs = await scheduler.runOnce();
    if (waitMs > 0) return waitMs;
  }
}

describe('a schedule that is due', () => {
  test('submits its job, which says of which schedule and fire time it is, and goes on', async () => {
    await db.sql(
      `SELECT create_schedule('report', 'make_report', interval_ms => 3600000, payload => '{"kind": "daily"}', queue => 'mail',
         priority => 80, max_retries => 7, timeout_ms => 1234, starts_at => now() - interval '1 hour')`,
    );
    await db.sql('UPDATE job_schedules SET next_run_at = starts_at + 3600000 * interval $$1 millisecond$$');
    await run();
    const [job] = await db.sql('SELECT * FROM jobs');
    const { last_job_id, last_run_at, next_run_at } = await schedule();
    expect(job).toMatchObject({
      job_type: 'make_report',
      queue: 'mail',
      priority: 80,
      payload: { kind: 'daily' },
      max_retries: 7,
      timeout_ms: 1234,
      created_by: 'schedule:report',
      metadata: { schedule: 'report', fire_at: expect.any(String) },
      status: 'pending',
      scheduled_at: null,
    });
    expect(last_job_id).toBe(job!.id);
    expect(next_run_at!.getTime() - last_run_at!.getTime()).toBe(3_600_000);
    expect(new Date((job!.metadata as { fire_at: string }).fire_at)).toEqual(last_run_at);
    expect(fired).toEqual([{ schedule: 'report', jobId: job!.id, fireAt: last_run_at, outcome: 'fired' }]);
    expect(await fires()).toEqual([{ outcome: 'fired', missed: null, n: 1 }]);
  });

  test('gives its jobs what holds for all, where it does not say', async () => {
    await insert({});
    const installation = { ...db.installation, jobDefaults: { maxRetries: 9, timeoutMs: 99 } };
    await run(new Scheduler(installation));
    expect(await db.sql('SELECT max_retries, timeout_ms FROM jobs')).toEqual([
      { max_retries: 9, timeout_ms: 99 },
    ]);
  });

  test('does nothing while it is disabled, or not due', async () => {
    await insert({ dueSecondsAgo: -3600 });
    await insert({ name: 'other' });
    await db.sql(`UPDATE job_schedules SET enabled = false WHERE name = 'other'`);
    const waitMs = await run();
    expect(waitMs).toBeGreaterThan(100);
    expect(await jobs()).toEqual([]);
  });

  test('comes to its end', async () => {
    await insert({});
    await db.sql(`UPDATE job_schedules SET ends_at = now() + interval '1 minute', next_run_at = now()`);
    await run();
    expect(await jobs()).toHaveLength(1);
    await run();
    expect(await schedule()).toMatchObject({ next_run_at: null, last_error: null });
    expect(await db.sql('SELECT 1 FROM job_schedules WHERE needs_planning')).toEqual([]);
  });

  test('is woken for at its very time', async () => {
    // Less than it sleeps at most, and enough for a slow machine to get as far as to ask.
    await insert({ dueSecondsAgo: -0.7 });
    const waitMs = await run();
    expect(waitMs).toBeGreaterThan(0);
    expect(waitMs).toBeLessThanOrEqual(700);
  });
});

describe('a change of its rule forgets no fire that is due', () => {
  test('by SQL, planned however late', async () => {
    await insert({ dueSecondsAgo: 5 });
    await db.sql(`UPDATE job_schedules SET ends_at = now() + interval '1 day'`);
    await db.sql(`UPDATE job_schedules SET timezone = 'Europe/Berlin'`);
    await run();
    expect(await jobs()).toHaveLength(1);
    expect(await schedule()).toMatchObject({ is_ahead: true });
  });

  test('by the API, which says what is next', async () => {
    await insert({ dueSecondsAgo: 5 });
    const { next_run_at: due } = await schedule();
    const changed = await changeSchedule(db.installation, 'report', { endsAt: new Date(Date.now() + 1e8) });
    expect(changed.next_run_at).toEqual(due);
    await run();
    expect(await jobs()).toHaveLength(1);
  });

  test('when SQL wrote the schedule and nobody planned it for an hour, its policy decides', async () => {
    await insert({ cron: '* * * * *', dueSecondsAgo: null, misfire: 'catch_up' });
    // Bounded at both ends: a minute that begins meanwhile is no sixth one. A change of the rule sets `plan_after`, so that comes second.
    await db.sql('UPDATE job_schedules SET ends_at = now()');
    await db.sql(`UPDATE job_schedules SET plan_after = ends_at - interval '5 minutes'`);
    await run();
    expect(await jobs()).toHaveLength(5);
  });
});

describe('what passed in an hour without a coordinator', () => {
  // 3,640 s ago, every 600 s: seven fire times, of which the last is 40 s old.
  const away = { dueSecondsAgo: 3_640 };

  test('fires once', async () => {
    await insert(away);
    await run();
    expect(await jobs()).toHaveLength(1);
    expect(await fires()).toEqual([
      { outcome: 'fired', missed: null, n: 1 },
      { outcome: 'misfired', missed: 6, n: 1 },
    ]);
    expect(misfired).toMatchObject([{ schedule: 'report', missed: 6 }]);
    expect(misfired[0]!.until.getTime() - misfired[0]!.from.getTime()).toBe(3_000_000);
  });

  test('is left out', async () => {
    await insert({ ...away, misfire: 'skip' });
    await run();
    expect(await jobs()).toEqual([]);
    expect(await fires()).toEqual([{ outcome: 'misfired', missed: 7, n: 1 }]);
    expect((await schedule()).is_ahead).toBe(true);
  });

  test('is made up for, in order', async () => {
    await insert({ ...away, misfire: 'catch_up' });
    await run();
    const made = await jobs();
    expect(made.map(({ at }) => Date.parse(at))).toEqual(
      made.map(({ at }) => Date.parse(at)).sort((a, b) => a - b),
    );
    expect(made).toHaveLength(7);
    expect(await fires()).toEqual([{ outcome: 'fired', missed: null, n: 7 }]);
  });

  test('is made up for within its bound', async () => {
    await insert({ ...away, misfire: 'catch_up', maxCatchUp: 3 });
    await run();
    expect(await jobs()).toHaveLength(3);
    expect(await fires()).toEqual([
      { outcome: 'fired', missed: null, n: 3 },
      { outcome: 'misfired', missed: 4, n: 1 },
    ]);
    expect((await schedule()).last_run_at!.getTime()).toBe(
      Math.max(...(await jobs()).map(({ at }) => Date.parse(at))),
    );
  });

  test('is no second job for a time that is on record', async () => {
    const id = await insert(away);
    await db.sql(`UPDATE job_schedules SET misfire_policy = 'catch_up'`);
    await run();
    await db.sql(
      'UPDATE job_schedules SET next_run_at = (SELECT min(fire_at) FROM job_schedule_fires WHERE schedule_id = $1)',
      [id],
    );
    await run();
    expect(await jobs()).toHaveLength(7);
  });
});

describe('while the last job is unfinished', () => {
  test('the next fire is skipped, on record, and the one after its end fires', async () => {
    // Well before the times that are set below: a time that is on record fires no second time.
    await insert({ overlap: 'skip', dueSecondsAgo: 5 });
    await run();
    const due = 'UPDATE job_schedules SET next_run_at = now() - $1 * interval $$1 millisecond$$';
    await db.sql(due, [20]);
    await run();
    expect(await jobs()).toHaveLength(1);
    expect(fired.map(({ outcome }) => outcome)).toEqual(['fired', 'skipped_overlap']);
    await db.sql(`UPDATE jobs SET status = 'completed', completed_at = now()`);
    await db.sql(due, [10]);
    await run();
    expect(await jobs()).toHaveLength(2);
    expect(await fires()).toEqual([
      { outcome: 'fired', missed: null, n: 2 },
      { outcome: 'skipped_overlap', missed: null, n: 1 },
    ]);
  });

  test('retention does not forget its fire', async () => {
    await insert({ overlap: 'skip', dueSecondsAgo: 5 });
    await run();
    await db.sql(`UPDATE job_schedule_fires SET fired_at = now() - interval '2 hours'`);
    await pruneFires(db.installation.db, 3_600_000);
    await db.sql(`UPDATE job_schedules SET next_run_at = now() - interval '20 milliseconds'`);
    await run();
    expect(fired.map(({ outcome }) => outcome)).toEqual(['fired', 'skipped_overlap']);
  });

  test('it is not forgotten over a later one that a person has run', async () => {
    await insert({ overlap: 'skip', dueSecondsAgo: 5 });
    await run();
    const manual = await runSchedule(db.installation, 'report');
    await db.sql(`UPDATE jobs SET status = 'completed', completed_at = now() WHERE id = $1`, [manual]);
    await db.sql(`UPDATE job_schedules SET next_run_at = now() - interval '10 milliseconds'`);
    await run();
    expect(await fires()).toMatchObject([
      { outcome: 'fired', n: 2 },
      { outcome: 'skipped_overlap', n: 1 },
    ]);
  });

  test('of several that are due at once only the first fires', async () => {
    await insert({ overlap: 'skip', misfire: 'catch_up', dueSecondsAgo: 3_640 });
    await run();
    expect(await jobs()).toHaveLength(1);
    expect(await fires()).toEqual([
      { outcome: 'fired', missed: null, n: 1 },
      { outcome: 'skipped_overlap', missed: null, n: 6 },
    ]);
  });
});

describe('ten coordinators at once', () => {
  test('submit one job for each fire', async () => {
    await db.sql(
      `INSERT INTO job_schedules (name, job_type, interval_ms, starts_at, next_run_at, misfire_policy)
       SELECT 's' || n, 'x', 60000, now() - interval '10 minutes', now() - interval '10 minutes', 'catch_up' FROM generate_series(1, 300) n`,
    );
    const schedulers = Array.from({ length: 10 }, () => new Scheduler(db.installation));
    await eventually('nothing is due', async () => {
      await Promise.all(schedulers.map((one) => one.runOnce()));
      return (await db.sql('SELECT 1 FROM job_schedules WHERE next_run_at <= now()')).length === 0;
    });
    const [count] = await db.sql(
      `SELECT count(*) AS jobs, count(DISTINCT (metadata->>'schedule', metadata->>'fire_at')) AS fires FROM jobs`,
    );
    expect(count).toEqual({ jobs: 300 * 11, fires: 300 * 11 });
    expect(await fires()).toEqual([{ outcome: 'fired', missed: null, n: 300 * 11 }]);
  });

  test('lose nothing when their connections are killed in the middle', async () => {
    await db.sql(
      `INSERT INTO job_schedules (name, job_type, interval_ms, starts_at, next_run_at, misfire_policy)
       SELECT 's' || n, 'x', 60000, now() - interval '9 minutes', now() - interval '9 minutes', 'catch_up' FROM generate_series(1, 500) n`,
    );
    // A trigger that holds each page for a while: kills meet transactions that have claimed, and not committed.
    await db.sql(
      `CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.03); RETURN NULL; END'`,
    );
    await db.sql('CREATE TRIGGER linger AFTER INSERT ON jobs FOR EACH STATEMENT EXECUTE FUNCTION linger()');
    const killer = new pg.Client(db.connectionString);
    await killer.connect();
    let killed = 0;
    const KILL = `
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%INSERT INTO job_schedule_fires%'`;
    const isAllFired = async () => {
      const firing = Array.from({ length: 10 }, () =>
        fireSchedules(db.installation, { pageSize: 40 }).catch(() => undefined),
      );
      await Promise.all(firing);
      const due = await killer.query('SELECT 1 FROM job_schedules WHERE next_run_at <= now() LIMIT 1');
      return due.rowCount === 0;
    };
    try {
      const firing = eventually('nothing is due', isAllFired);
      while (killed < 10) killed += (await killer.query(KILL)).rowCount ?? 0;
      await firing;
    } finally {
      await killer.query('DROP TRIGGER linger ON jobs');
      await killer.query('DROP FUNCTION linger()');
      await killer.end();
    }
    expect(killed).toBeGreaterThanOrEqual(10);
    const [count] = await db.sql(
      `SELECT count(*) AS jobs, count(DISTINCT (metadata->>'schedule', metadata->>'fire_at')) AS fires FROM jobs`,
    );
    expect(count).toEqual({ jobs: 5_000, fires: 5_000 });
  });
});

test('10,000 schedules due in one second are all submitted within seconds', async () => {
  // Their next fires are half a year away: none comes due while the others are fired.
  await db.sql(
    `INSERT INTO job_schedules (name, job_type, cron_expression, timezone, next_run_at)
     SELECT 's' || n, 'x', format('%s %s * %s *', n % 60, n / 60 % 24, date_part('month', now() + interval '6 months')),
            (ARRAY['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata'])[1 + n % 4], now() - random() * interval '1 second'
       FROM generate_series(1, 10000) n`,
  );
  const startedAt = performance.now();
  await run();
  const tookMs = performance.now() - startedAt;
  expect(await db.sql('SELECT count(*) AS n FROM jobs')).toEqual([{ n: 10_000 }]);
  expect(await db.sql('SELECT 1 FROM job_schedules WHERE next_run_at <= now() LIMIT 1')).toEqual([]);
  expect(tookMs).toBeLessThan(10_000);
});

describe('ids of jobs that were given to rows by hand', () => {
  test('are got past', async () => {
    await insert({});
    await db.sql(
      `INSERT INTO jobs (id, job_type, status) SELECT last_value + n, 'by hand', 'completed' FROM jobs_id_seq, generate_series(1, 3) n`,
    );
    await eventually('it has fired', () =>
      run().then(
        () => true,
        () => false,
      ),
    );
    expect(await db.sql(`SELECT 1 FROM jobs WHERE created_by = 'schedule:report'`)).toHaveLength(1);
    expect((await schedule()).last_error).toBeNull();
  });
});

test('a fault that is no schedule’s is not taken for one', async () => {
  await insert({});
  await db.sql('ALTER TABLE job_schedules RENAME COLUMN max_catch_up TO another');
  try {
    await expect(fireSchedules(db.installation)).rejects.toThrow(/max_catch_up/);
  } finally {
    await db.sql('ALTER TABLE job_schedules RENAME COLUMN another TO max_catch_up');
  }
  expect(failed).toEqual([]);
});

describe('a long look back', () => {
  test('comes first, and goes on until nothing is due', async () => {
    await db.sql(
      `INSERT INTO job_schedules (name, job_type, interval_ms, next_run_at)
       SELECT 's' || n, 'x', 86400000, now() - interval '1 day' FROM generate_series(1, 2500) n`,
    );
    await run();
    expect(await jobs()).toHaveLength(2_500);
  });

  test('is not made again each time; what is due since a moment ago is seen at once', async () => {
    const scheduler = new Scheduler(db.installation);
    await run(scheduler);
    await insert({ name: 'long ago', dueSecondsAgo: 7_200 });
    await insert({ name: 'just now', dueSecondsAgo: 5 });
    await run(scheduler);
    expect((await jobs()).map(({ name }) => name)).toEqual(['just now']);
  });
});

describe('a schedule whose job is refused', () => {
  test('says why, keeps none of the others from firing, and fires when that is corrected', async () => {
    for (let n = 0; n < 5; n++) await insert({ name: `s${n}` });
    await db.sql(`ALTER TABLE jobs ADD CONSTRAINT no_s2 CHECK (created_by IS DISTINCT FROM 'schedule:s2')`);
    try {
      await run();
      expect((await jobs()).map(({ name }) => name).sort()).toEqual(['s0', 's1', 's3', 's4']);
      expect((await schedule('s2')).last_error).toMatch(/no_s2/);
      expect(failed).toMatchObject([{ schedule: 's2', error: expect.stringContaining('no_s2') }]);
    } finally {
      await db.sql('ALTER TABLE jobs DROP CONSTRAINT no_s2');
    }
    await run();
    expect(await jobs()).toHaveLength(5);
    expect((await schedule('s2')).last_error).toBeNull();
  });
});

test('the record of fires is kept as long as finished jobs are', async () => {
  await insert({ dueSecondsAgo: 3_640 });
  await run();
  await db.sql(
    `UPDATE job_schedule_fires SET fired_at = now() - interval '2 hours' WHERE outcome = 'misfired'`,
  );
  expect(await pruneFires(db.installation.db, 3_600_000)).toBe(false);
  expect(await fires()).toEqual([{ outcome: 'fired', missed: null, n: 1 }]);
});
