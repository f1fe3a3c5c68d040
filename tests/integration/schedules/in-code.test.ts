import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { createClient } from '../../../shared/client/create-client.js';
import { changeSchedule } from '../../../shared/schedules/change-schedule.js';
import { createSchedule } from '../../../shared/schedules/create-schedule.js';
import { defineJob } from '../../../shared/jobs/define-job.js';
import { defineSchedule, type ScheduleDefinition } from '../../../shared/schedules/define-schedule.js';
import { upsertSchedules } from '../../../shared/schedules/upsert-schedules.js';
import { Coordinator } from '../../../workers/coordinator/coordinator.js';
import { createWorker } from '../../../workers/create-worker.js';
import { eventually } from '../../support/eventually.js';
import { createTestInstallation } from '../../support/test-installation.js';

const db = await createTestInstallation({ poolSize: 20 });
afterAll(() => db.close());
beforeEach(() => db.sql('TRUNCATE jobs, job_dependencies, job_schedules, job_schedule_fires'));

const ran: unknown[] = [];
const report = defineJob({
  type: 'report',
  payload: z.object({ kind: z.enum(['daily', 'weekly']) }),
  queue: 'reports',
  priority: 70,
  timeoutMs: 9_000,
  retry: { maxRetries: 8 },
  run: (payload) => {
    ran.push(payload);
  },
});
const nightly = (changes: Partial<ScheduleDefinition<typeof report.payload>> = {}) =>
  defineSchedule({
    name: 'nightly',
    job: report,
    payload: { kind: 'daily' },
    cron: '30 2 * * *',
    ...changes,
  });
const schedules = () => db.sql('SELECT * FROM job_schedules ORDER BY name');
const upsert = (...given: Parameters<typeof upsertSchedules>[1]) => upsertSchedules(db.installation, given);

describe('defineSchedule', () => {
  test('takes from the job type what the schedule leaves open', async () => {
    await upsert(nightly());
    expect(await schedules()).toMatchObject([
      {
        name: 'nightly',
        job_type: 'report',
        payload: { kind: 'daily' },
        queue: 'reports',
        priority: 70,
        timeout_ms: 9_000,
        max_retries: 8,
        cron_expression: '30 2 * * *',
        timezone: 'UTC',
        enabled: true,
        next_run_at: expect.any(Date),
      },
    ]);
  });

  test.each([
    [{ cron: '61 * * * *' }, 'cron_expression'],
    [{ timezone: 'Mars/Olympus' }, 'timezone'],
    [{ intervalMs: 1_000 }, 'interval_ms'],
    [{ name: 'two words' }, 'name'],
    [{ payload: { kind: 'hourly' } as never }, 'payload.kind'],
    [{ maxCatchUp: 0 }, 'max_catch_up'],
    [{ startsAt: new Date(5), endsAt: new Date(4) }, 'ends_at'],
    [{ startsAt: new Date('never') }, 'starts_at'],
  ])('refuses %j, naming %s', (wrong, field) => {
    expect(() => nightly(wrong)).toThrow(
      expect.objectContaining({
        code: 'validation_failed',
        details: [{ field, problem: expect.any(String) }],
      }),
    );
  });
});

describe('schedules that code defines', () => {
  test('are stored once by twenty processes at once, of one version or of two', async () => {
    const [former, present] = [nightly(), nightly({ cron: '45 3 * * *' })];
    const others = Array.from({ length: 10 }, (_, n) => nightly({ name: `other-${n}` }));
    await Promise.all(Array.from({ length: 20 }, () => upsert(...others, former)));
    await Promise.all(Array.from({ length: 20 }, () => upsert(present, ...others)));
    const stored = await schedules();
    expect(stored.map(({ name }) => name)).toEqual(['nightly', ...others.map(({ name }) => name)]);
    expect(stored[0]).toMatchObject({ cron_expression: '45 3 * * *' });
  });

  test('are not written again by a process that starts again', async () => {
    await upsert(nightly());
    const before = await schedules();
    await upsert(nightly());
    expect(await schedules()).toEqual(before);
  });

  test('stay disabled when an operator has disabled them, also with a new definition', async () => {
    await upsert(nightly());
    await changeSchedule(db.installation, 'nightly', { enabled: false });
    await upsert(nightly());
    await upsert(nightly({ cron: '0 5 * * *', enabled: true }));
    expect(await schedules()).toMatchObject([
      { enabled: false, cron_expression: '0 5 * * *', next_run_at: null },
    ]);
  });

  test('keep what an operator changed and code did not', async () => {
    await upsert(nightly());
    await changeSchedule(db.installation, 'nightly', { priority: 99, cronExpression: '15 4 * * *' });
    await upsert(nightly());
    expect(await schedules()).toMatchObject([{ priority: 99, cron_expression: '15 4 * * *' }]);
    await upsert(nightly({ payload: { kind: 'weekly' } }));
    expect(await schedules()).toMatchObject([
      { priority: 99, cron_expression: '15 4 * * *', payload: { kind: 'weekly' } },
    ]);
    await upsert(nightly({ payload: { kind: 'weekly' }, cron: '0 6 * * *' }));
    expect(await schedules()).toMatchObject([{ priority: 99, cron_expression: '0 6 * * *' }]);
  });

  test('become an interval although an operator has changed the cron expression', async () => {
    await upsert(nightly());
    await changeSchedule(db.installation, 'nightly', { cronExpression: '15 4 * * *' });
    await upsert(
      defineSchedule({ name: 'nightly', job: report, payload: { kind: 'daily' }, intervalMs: 60_000 }),
    );
    expect(await schedules()).toMatchObject([{ interval_ms: 60_000, cron_expression: null }]);
    await changeSchedule(db.installation, 'nightly', { cronExpression: '15 4 * * *' });
    await upsert(
      defineSchedule({ name: 'nightly', job: report, payload: { kind: 'daily' }, intervalMs: 90_000 }),
    );
    expect(await schedules()).toMatchObject([{ interval_ms: 90_000, cron_expression: null }]);
  });

  test('have a rule that makes sense whatever an operator changed of it', async () => {
    await upsert(nightly());
    await changeSchedule(db.installation, 'nightly', { endsAt: new Date('2030-01-01') });
    await upsert(nightly({ startsAt: new Date('2031-01-01') }));
    expect(await schedules()).toMatchObject([{ starts_at: new Date('2031-01-01'), ends_at: null }]);
  });

  test('take over one that was there, but for enabled', async () => {
    await createSchedule(db.installation, {
      name: 'nightly',
      jobType: 'other',
      intervalMs: 60_000,
      enabled: false,
    });
    await upsert(nightly());
    expect(await schedules()).toMatchObject([{ job_type: 'report', interval_ms: null, enabled: false }]);
  });

  test('must have different names', async () => {
    await expect(upsert(nightly(), nightly())).rejects.toMatchObject({
      code: 'validation_failed',
      details: [{ field: 'name' }],
    });
  });

  test('are stored by workers at their start and by clients, and run', async () => {
    const often = defineSchedule({
      name: 'often',
      job: report,
      payload: { kind: 'weekly' },
      intervalMs: 1_000,
      queue: 'default',
    });
    const client = await createClient({ installation: db.installation });
    await client.upsertSchedules([nightly()]);
    const coordinator = new Coordinator({ installation: db.installation });
    const worker = createWorker({ installation: db.installation, jobs: [report], schedules: [often] });
    await Promise.all([coordinator.start(), worker.start()]);
    try {
      expect(await schedules()).toMatchObject([{ name: 'nightly' }, { name: 'often' }]);
      await eventually('it has run', () => ran.length > 0);
      expect(ran[0]).toEqual({ kind: 'weekly' });
    } finally {
      await worker.stop();
      await coordinator.stop();
    }
  });
});
