import { afterAll, expect, test } from '@jest/globals';
import { createClient } from '../../../shared/client/create-client.js';
import { createWorker } from '../../../workers/create-worker.js';
import { eventually } from '../../support/eventually.js';
import { createTestInstallation } from '../../support/test-installation.js';
import { HeldRuns } from '../../support/test-jobs.js';

/** Rows of running jobs that somebody's transaction holds. */
const db = await createTestInstallation();
afterAll(() => db.close());

test('keep no other outcome from being recorded, and are settled when they are free', async () => {
  const held = new HeldRuns();
  const client = await createClient(db);
  const worker = createWorker({ installation: db.installation, jobs: [held.job], concurrency: 4 });
  await worker.start();
  const jobs = await client.submitMany(held.job, [{}, {}, {}, {}]);
  const runs = await Promise.all([0, 1, 2, 3].map((index) => held.run(index)));
  const runOf = (index: number) => runs.find(({ ctx }) => ctx.jobId === jobs[index]!.id)!;
  const statusOf = async (index: number) =>
    db.sql('SELECT status FROM jobs WHERE id = $1', [jobs[index]!.id]);

  const waitingSettles = async () =>
    (
      await db.sql(
        `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
      )
    ).length;

  await db.installation.db.transaction(async (tx) => {
    await tx.query('SELECT 1 FROM jobs WHERE id = ANY ($1::bigint[]) FOR UPDATE', [
      jobs.slice(0, 3).map(({ id }) => id),
    ]);
    // Each in a batch of its own: as many of them as may be under way at once.
    for (const index of [0, 1, 2]) {
      runOf(index).end('held');
      await eventually(
        'its settle waits for the row',
        async () => (await waitingSettles()) > index || index === 2,
      );
    }
    runOf(3).end('free');
    expect(await client.result(jobs[3]!.id)).toBe('free');
    expect(await statusOf(0)).toEqual([{ status: 'running' }]);
  });
  for (const { id } of jobs.slice(0, 3)) expect(await client.result(id)).toBe('held');
  await worker.stop();
});
