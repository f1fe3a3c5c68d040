import { afterAll, beforeEach, expect, test } from '@jest/globals';
import { claimJobs } from '../../../shared/jobs/claim-jobs.js';
import type { ClaimedJob } from '../../../shared/jobs/claimed-job.js';
import { completeJobs } from '../../../shared/jobs/complete-jobs.js';
import { complete, type OutcomeOf } from '../../../shared/jobs/outcome.js';
import { areClose } from '../../../shared/postgres/rows-of-ids.js';
import { createTestInstallation, type TestInstallation } from '../../support/test-installation.js';

/** Ids that lie close together are found by one walk along the primary key: it must find these and no others. */
const WORKER = 'w-1';
const db: TestInstallation = await createTestInstallation({ redis: false });
beforeEach(async () => {
  await db.sql('TRUNCATE jobs, job_executions, job_dependencies, claim_batches, workers');
  await db.sql(`INSERT INTO workers (id, hostname, pid, version, queues, job_types, concurrency, dead_after_ms)
    VALUES ('${WORKER}', 'h', 1, '1', '{default}', '{mail}', 5, 10000)`);
});
afterAll(() => db.close());

const insert = async (count: number): Promise<number[]> => {
  const rows = await db.sql<{ id: number }>(
    `INSERT INTO jobs (job_type) SELECT 'mail' FROM generate_series(1, $1) RETURNING id`,
    [count],
  );
  return rows.map(({ id }) => id);
};
const claim = (ids: readonly number[]) =>
  claimJobs(db.installation.db, ids, {
    workerId: WORKER,
    batchNo: 1,
    jobTypes: ['mail'],
    mayClaimSuspect: true,
  });
const settle = (jobs: readonly ClaimedJob[]) => {
  const outcomes = jobs.map((job) => complete({ job, durationMs: 1, logs: [] }, job.id));
  return completeJobs(db.installation.db, WORKER, outcomes as OutcomeOf<'completed'>[], {
    finishedBatches: [1],
    maxResultBytes: 10_000,
  });
};
const idsOf = (jobs: readonly { id: number }[]) => jobs.map(({ id }) => id).sort((a, b) => a - b);

test('only what was asked for is claimed and completed, whatever lies between', async () => {
  const all = await insert(60);
  const wanted = all.filter((_id, index) => index % 3 !== 1);
  expect(areClose(wanted)).toBe(true);
  await db.sql(
    `UPDATE jobs SET status = 'cancelled', error_class = 'cancelled', completed_at = now() WHERE id = $1`,
    [wanted[5]],
  );
  const rest = wanted.filter((id) => id !== wanted[5]);

  // As they come from a lane: in any order, one of them twice.
  const claimed = await claim([...wanted.toReversed(), wanted[0]!]);
  expect(idsOf(claimed)).toEqual(rest);
  expect((await settle(claimed.slice(0, 30))).settled).toHaveLength(30);
  const done = await db.sql<{ id: number }>(
    `SELECT id FROM jobs WHERE status = 'completed' AND result = to_jsonb(id) ORDER BY id`,
  );
  expect(idsOf(done)).toEqual(idsOf(claimed.slice(0, 30)));
  const [others] = await db.sql<{ n: number }>(
    `SELECT count(*) AS n FROM jobs WHERE status = 'pending' AND attempt = 0 AND id <> ALL ($1::bigint[])`,
    [wanted],
  );
  expect(others!.n).toBe(all.length - wanted.length);
});

test('an attempt that is another one by now is not completed, also among close ids', async () => {
  const claimed = await claim(await insert(40));
  await db.sql('UPDATE jobs SET attempt = 2 WHERE id = $1', [claimed[7]!.id]);
  const { settled } = await settle(claimed);
  expect(settled).toHaveLength(39);
  expect(await db.sql(`SELECT id FROM jobs WHERE status = 'running'`)).toEqual([{ id: claimed[7]!.id }]);
});

test('ids that lie far apart are not walked to', () => {
  expect(areClose([])).toBe(false);
  expect(areClose(Array.from({ length: 20 }, (_, n) => n))).toBe(true);
  expect(areClose([...Array.from({ length: 20 }, (_, n) => n), 1_000_000])).toBe(false);
});
