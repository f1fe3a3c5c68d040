import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { claimJobs } from '../../../shared/jobs/claim-jobs.js';
import { complete } from '../../../shared/jobs/outcome.js';
import { rescueOwnerless } from '../../../shared/jobs/rescue-ownerless.js';
import { settleOutcomes } from '../../../shared/jobs/settle-jobs.js';
import { registerWorker } from '../../../shared/workers/registry.js';
import { createTestInstallation, type TestInstallation } from '../../support/test-installation.js';

/** A failover to a replica that had not heard of the latest commits, while the worker lives on. */
let db: TestInstallation;
beforeAll(async () => {
  db = await createTestInstallation({ redis: false });
});
afterAll(() => db.close());

test('a job whose end was taken back, while its claim was forgotten, runs again; other running rows stay', async () => {
  const { db: database } = db.installation;
  await registerWorker(database, 'w-1', {
    queues: ['default'],
    jobTypes: ['held'],
    concurrency: 5,
    deadAfterMs: 10_000,
  });
  const insert = async (values: string) =>
    (await db.sql<{ id: number }>(`INSERT INTO jobs (job_type, status) VALUES ${values} RETURNING id`)).map(
      ({ id }) => id,
    );
  const [lost, owned] = (await insert(`('held', 'pending'), ('held', 'pending')`)) as [number, number];
  const [persons] = (await insert(`('held', 'running')`)) as [number];
  const request = { workerId: 'w-1', jobTypes: ['held'], mayClaimSuspect: true };
  const [job] = await claimJobs(database, [lost], { ...request, batchNo: 1 });
  await claimJobs(database, [owned], { ...request, batchNo: 2 });
  await settleOutcomes(database, 'w-1', [complete({ job: job!, durationMs: 1, logs: [] }, 'done')], {
    finishedBatches: [1],
    isDeadLetterEnabled: true,
    maxResultBytes: 1_000_000,
  });
  await db.sql('DELETE FROM claim_batches WHERE batch_no = 1');
  expect(await rescueOwnerless(db.installation)).toBe(0);

  await db.sql(`UPDATE jobs SET status = 'running', completed_at = NULL, result = NULL WHERE id = $1`, [
    lost,
  ]);
  await db.sql('DELETE FROM job_executions WHERE job_id = $1', [lost]);
  expect(await rescueOwnerless(db.installation)).toBe(1);

  expect(await db.sql('SELECT id, status, retry_count FROM jobs ORDER BY id')).toEqual([
    { id: lost, status: 'pending', retry_count: 0 },
    { id: owned, status: 'running', retry_count: 0 },
    { id: persons, status: 'running', retry_count: 0 },
  ]);
  expect(await db.sql('SELECT job_id, attempt, status FROM job_executions')).toEqual([
    { job_id: lost, attempt: 1, status: 'lost' },
  ]);
});

test('they are found page by page, in every queue and lane', async () => {
  await db.sql('TRUNCATE jobs, claim_batches CASCADE');
  await db.sql(`
    INSERT INTO jobs (job_type, queue, priority, status, worker_id, attempt, started_at)
    SELECT 'x', queue, priority, CASE WHEN n % 3 = 0 THEN 'running' ELSE 'pending' END::job_status,
           CASE WHEN n % 3 = 0 THEN 'w-9' END, (n % 3 = 0)::int, CASE WHEN n % 3 = 0 THEN now() END
      FROM unnest('{default,other}'::text[]) AS queue, unnest('{0,50,100}'::int[]) AS priority, generate_series(1, 9) AS n`);
  // A dependency was added while it ran.
  await db.sql(
    `INSERT INTO jobs (job_type, status, worker_id, attempt, unmet_dependencies) SELECT 'x', 'running', 'w-9', 1, 1 FROM generate_series(1, 5)`,
  );
  expect(await rescueOwnerless(db.installation, 4)).toBe(23);
  expect(await db.sql(`SELECT 1 FROM jobs WHERE status = 'running'`)).toEqual([]);
});
