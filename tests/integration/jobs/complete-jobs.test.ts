import { afterAll, beforeEach, expect, test } from '@jest/globals';
import { completeJobs } from '../../../shared/jobs/complete-jobs.js';
import type { ClaimedJob } from '../../../shared/jobs/claimed-job.js';
import { complete, type OutcomeOf } from '../../../shared/jobs/outcome.js';
import { createTestInstallation, type TestInstallation } from '../../support/test-installation.js';

const WORKER = 'w-1';
const db: TestInstallation = await createTestInstallation({ redis: false });
beforeEach(() => db.sql('TRUNCATE jobs, job_executions, job_dependencies'));
afterAll(() => db.close());

/** Rows of running jobs, as a claim leaves them. */
const run = (count: number, attempt = 1) =>
  db.sql<{ id: number }>(
    `INSERT INTO jobs (job_type, status, attempt, worker_id, started_at)
     SELECT 'mail', 'running', $2, $3, now() FROM generate_series(1, $1) RETURNING id`,
    [count, attempt, WORKER],
  );

const outcome = (
  id: number,
  { attempt = 1, result, durationMs = 7 }: { attempt?: number; result?: unknown; durationMs?: number } = {},
) =>
  complete(
    {
      job: { id, attempt } as ClaimedJob,
      durationMs,
      logs: result === 'logged' ? [{ at: '2026-01-01T00:00:00Z', level: 'info', message: 'hello' }] : [],
    },
    result,
  ) as OutcomeOf<'completed'>;

const settle = (outcomes: OutcomeOf<'completed'>[]) =>
  completeJobs(db.installation.db, WORKER, outcomes, { finishedBatches: [], maxResultBytes: 10_000 });

const stored = () =>
  db.sql(
    `SELECT j.id, j.status, j.result, e.attempt, e.duration_ms, e.logs -> 0 ->> 'message' AS said
       FROM jobs j LEFT JOIN job_executions e ON e.job_id = j.id ORDER BY j.id, e.attempt`,
  );

test('each row gets what belongs to it, in whatever order the outcomes come', async () => {
  const ids = (await run(4)).map(({ id }) => id) as [number, number, number, number];
  const outcomes = [
    outcome(ids[3], { durationMs: 40 }),
    outcome(ids[0], { result: { sent: 1 }, durationMs: 10.4 }),
    outcome(ids[2], { result: 'logged', durationMs: 30 }),
    outcome(ids[1], { result: null, durationMs: 20 }),
  ];
  expect((await settle(outcomes)).settled).toHaveLength(4);
  expect(await stored()).toEqual([
    { id: ids[0], status: 'completed', result: { sent: 1 }, attempt: 1, duration_ms: 10, said: null },
    { id: ids[1], status: 'completed', result: null, attempt: 1, duration_ms: 20, said: null },
    { id: ids[2], status: 'completed', result: 'logged', attempt: 1, duration_ms: 30, said: 'hello' },
    { id: ids[3], status: 'completed', result: null, attempt: 1, duration_ms: 40, said: null },
  ]);
});

test('an attempt that is on record already keeps its record, and holds up nobody', async () => {
  const [first, second] = (await run(2)).map(({ id }) => id) as [number, number];
  await db.sql(
    `INSERT INTO job_executions (job_id, attempt, worker_id, status, started_at, duration_ms)
     VALUES ($1, 1, 'another', 'lost', now(), 99)`,
    [first],
  );
  expect((await settle([outcome(first), outcome(second)])).settled).toHaveLength(2);
  expect(await stored()).toMatchObject([
    { id: first, status: 'completed', attempt: 1, duration_ms: 99 },
    { id: second, status: 'completed', attempt: 1, duration_ms: 7 },
  ]);
});

test('of two attempts of one job in a batch the later one counts; another attempt than the row says is not ours', async () => {
  const [twice] = (await run(1, 2)).map(({ id }) => id) as [number];
  const [later] = (await run(1, 3)).map(({ id }) => id) as [number];
  const mine = outcome(twice, { attempt: 2, result: 'mine' });
  const { settled } = await settle([
    mine,
    outcome(twice, { attempt: 1, result: 'old' }),
    outcome(later, { attempt: 2 }),
  ]);
  expect(settled).toEqual([mine]);
  expect(await stored()).toMatchObject([
    { id: twice, status: 'completed', result: 'mine', attempt: 2 },
    { id: later, status: 'running', attempt: null },
  ]);
});
