import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { HoldfastEvents } from '../../../shared/observe/events.js';
import { planSchedules } from '../../../shared/schedules/plan-schedules.js';
import { Scheduler } from '../../../workers/coordinator/scheduler.js';
import { Coordinator } from '../../../workers/coordinator/coordinator.js';
import { eventually } from '../../support/eventually.js';
import { createTestInstallation } from '../../support/test-installation.js';

const db = await createTestInstallation();
afterAll(() => db.close());
const failed: HoldfastEvents['scheduleFailed'][0][] = [];
db.installation.events.on('scheduleFailed', (one) => failed.push(one));
beforeEach(async () => {
  failed.splice(0);
  await db.sql('TRUNCATE jobs, job_dependencies, job_schedules, job_schedule_fires');
});

interface Row {
  readonly next_run_at: Date | null;
  readonly last_error: string | null;
  readonly needs_planning: boolean;
  readonly local: string;
}
const schedule = async () =>
  (
    await db.sql<Row>(
      `SELECT next_run_at, last_error, needs_planning, to_char(next_run_at AT TIME ZONE timezone, 'HH24:MI:SS') AS local FROM job_schedules`,
    )
  )[0]!;
const plan = () => planSchedules(db.installation);
const INSERT = `INSERT INTO job_schedules (name, job_type, cron_expression, timezone) VALUES ('nightly', 'x', '30 2 * * *', 'Asia/Kolkata')`;

describe('a schedule that plain SQL wrote', () => {
  test('is planned', async () => {
    await db.sql(INSERT);
    expect(await plan()).toBe(1);
    expect(await schedule()).toMatchObject({ local: '02:30:00', last_error: null, needs_planning: false });
    expect(await plan()).toBe(0);
  });

  test.each([
    [`cron_expression = '45 6 * * *'`, '06:45:00'],
    // A zone where each day has a 2:30.
    [`timezone = 'Asia/Tokyo'`, '02:30:00'],
    [`next_run_at = NULL`, '02:30:00'],
    [`starts_at = now() + interval '1 year'`, '02:30:00'],
  ])('is planned anew after %s', async (change, local) => {
    await db.sql(INSERT);
    await plan();
    await db.sql(`UPDATE job_schedules SET ${change}`);
    expect(await schedule()).toMatchObject({ next_run_at: null, needs_planning: true });
    await plan();
    expect(await schedule()).toMatchObject({ local, needs_planning: false });
  });

  test('is not planned anew when nothing of its rule has changed', async () => {
    await db.sql(INSERT);
    await plan();
    await db.sql(`UPDATE job_schedules SET payload = '{"a": 1}', cron_expression = cron_expression`);
    expect(await schedule()).toMatchObject({ local: '02:30:00', needs_planning: false });
  });

  test('rests while it is disabled, and goes on from now when it is enabled', async () => {
    await db.sql(INSERT);
    await plan();
    await db.sql('UPDATE job_schedules SET enabled = false');
    expect(await schedule()).toMatchObject({ next_run_at: null, needs_planning: false });
    await db.sql('UPDATE job_schedules SET enabled = true');
    await plan();
    expect((await schedule()).next_run_at!.getTime()).toBeGreaterThan(Date.now());
  });

  test('fires first when it says so itself', async () => {
    await db.sql(
      INSERT.replace('timezone)', 'timezone, next_run_at)').replace(`'Asia/Kolkata')`, `'UTC', now())`),
    );
    await new Scheduler(db.installation).runOnce();
    expect(await db.sql('SELECT 1 FROM jobs')).toHaveLength(1);
    expect(await schedule()).toMatchObject({ local: '02:30:00' });
  });
});

describe('a rule that means nothing', () => {
  test.each([
    [`cron_expression = '61 * * * *'`, /61/],
    [`cron_expression = 'every day'`, /five fields/],
    [`timezone = 'Mars/Olympus'`, /Mars\/Olympus/],
  ])('%s is told in last_error, and does not fire', async (change, why) => {
    await db.sql(INSERT);
    await plan();
    // It was due, too: the mistake came in between.
    await db.sql(`UPDATE job_schedules SET ${change}, next_run_at = now()`);
    const scheduler = new Scheduler(db.installation);
    await scheduler.runOnce();
    await scheduler.runOnce();
    expect(await schedule()).toMatchObject({ next_run_at: null, last_error: expect.stringMatching(why) });
    expect(await db.sql('SELECT 1 FROM jobs')).toEqual([]);
    expect(failed).toMatchObject([{ schedule: 'nightly', error: expect.stringMatching(why) }]);
    await db.sql(`UPDATE job_schedules SET cron_expression = '30 2 * * *', timezone = 'UTC'`);
    await scheduler.runOnce();
    expect(await schedule()).toMatchObject({ local: '02:30:00', last_error: null });
  });

  test.each([
    [`interval_ms = 999, cron_expression = NULL`, /interval_a_second/],
    [`interval_ms = 60000`, /cron_or_interval/],
    [`job_type = ''`, /job_type_name/],
    [`name = ''`, /name_length/],
    [`misfire_policy = 'maybe'`, /misfire_policy/],
    [`next_run_at = 'infinity'`, /times_are_finite/],
    [`ends_at = 'infinity'`, /times_are_finite/],
    [`starts_at = now(), ends_at = now() - interval '1 day'`, /ends_after_start/],
  ])('is refused at once where SQL can tell: %s', async (change, constraint) => {
    await db.sql(INSERT);
    await expect(db.sql(`UPDATE job_schedules SET ${change}`)).rejects.toThrow(constraint);
  });
});

describe('run_schedule()', () => {
  test('submits the job now, whatever the schedule waits for', async () => {
    await db.sql(INSERT);
    await db.sql(`UPDATE job_schedules SET enabled = false, payload = '{"a": 1}', priority = 9`);
    const [ran] = await db.sql<{ id: number }>(`SELECT run_schedule('nightly') AS id`);
    expect(await db.sql('SELECT * FROM jobs')).toMatchObject([
      {
        id: ran!.id,
        payload: { a: 1 },
        priority: 9,
        max_retries: 3,
        created_by: 'schedule:nightly',
        metadata: { schedule: 'nightly', manual: true },
      },
    ]);
    expect(await db.sql('SELECT outcome, job_id, is_manual FROM job_schedule_fires')).toEqual([
      { outcome: 'fired', job_id: ran!.id, is_manual: true },
    ]);
    expect(await db.sql('SELECT last_job_id FROM job_schedules')).toEqual([{ last_job_id: ran!.id }]);
  });

  test('knows nothing of a schedule that is not there', async () => {
    expect(await db.sql(`SELECT run_schedule('nightly') AS id`)).toEqual([{ id: null }]);
  });
});

describe('the coordinator', () => {
  const coordinator = new Coordinator({ installation: db.installation });
  afterAll(() => coordinator.stop());

  test('plans and fires what SQL wrote, again and again, without being told', async () => {
    await coordinator.start();
    await eventually('it leads', () => coordinator.isLeading);
    await db.sql(`SELECT create_schedule('often', 'x', interval_ms => 1000)`);
    await eventually('it fires', async () => (await db.sql('SELECT 1 FROM jobs')).length >= 3);
    await db.sql(`UPDATE job_schedules SET enabled = false`);
    const fires = await db.sql<{ gap: number }>(
      `SELECT date_part('epoch', fire_at - lag(fire_at) OVER (ORDER BY fire_at)) AS gap FROM job_schedule_fires OFFSET 1`,
    );
    for (const { gap } of fires) expect(gap).toBe(1);
    expect(await db.sql(`SELECT 1 FROM jobs WHERE created_at < (metadata->>'fire_at')::timestamptz`)).toEqual(
      [],
    );
  });
});
