import { afterAll, afterEach, expect, test } from '@jest/globals';
import type { ClaimedJob } from '../../../shared/jobs/claimed-job.js';
import { claimJobs } from '../../../shared/jobs/claim-jobs.js';
import { cancelJob } from '../../../shared/jobs/cancel-job.js';
import { registerWorker } from '../../../shared/workers/registry.js';
import { Attempt } from '../../../workers/attempt.js';
import { createAttemptWatch } from '../../../workers/attempt-watch.js';
import { RunningAttempts } from '../../../workers/running-attempts.js';
import { eventually } from '../../support/eventually.js';
import { createTestInstallation } from '../../support/test-installation.js';

/** A cancel that comes while the worker's claim has committed, but has not been answered. */
const db = await createTestInstallation({ redis: false });
const running = new RunningAttempts();
const watch = createAttemptWatch(db.installation, 'w-1', running, { graceMs: 5_000, isBusy: () => true });
afterEach(() => watch.stop());
afterAll(() => db.close());

const requests = () => db.sql('SELECT job_id FROM cancel_requests');
async function claimTwo(): Promise<[ClaimedJob, ClaimedJob]> {
  const worker = { queues: ['default'], jobTypes: ['held'], concurrency: 5, deadAfterMs: 10_000 };
  await registerWorker(db.installation.db, 'w-1', worker);
  const rows = await db.sql<{ id: number }>(
    `INSERT INTO jobs (job_type) VALUES ('held'), ('held') RETURNING id`,
  );
  const request = { workerId: 'w-1', batchNo: 1, jobTypes: ['held'], mayClaimSuspect: true };
  const jobs = await claimJobs(
    db.installation.db,
    rows.map(({ id }) => id),
    request,
  );
  return jobs as [ClaimedJob, ClaimedJob];
}

const home = { db: db.installation.db, workerId: 'w-1' };

test('reaches its handler when that begins', async () => {
  const [known, late] = await claimTwo();
  const other = new Attempt(known, home);
  running.add(other);
  await cancelJob(db.installation, late.id);
  await watch.start();
  // Progress is written at the end of a round: one has passed with the request there.
  other.progress(50);
  await eventually('a round has passed', async () => {
    const [row] = await db.sql('SELECT progress FROM jobs WHERE id = $1', [known.id]);
    return row?.progress === 50;
  });
  const attempt = new Attempt(late, home);
  running.add(attempt);
  await eventually('it is aborted', () => attempt.signal.aborted);
  expect(other.signal.aborted).toBe(false);
  await eventually('its request is forgotten', async () => (await requests()).length === 0);
});

test('is forgotten when its attempt never shows', async () => {
  await db.sql(`INSERT INTO cancel_requests (worker_id, job_id, attempt, requested_at)
    VALUES ('w-1', 4711, 1, now() - interval '2 minutes')`);
  await watch.start();
  await eventually('it is forgotten', async () => (await requests()).length === 0);
});
