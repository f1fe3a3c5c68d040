import { afterAll, beforeEach, expect, test } from '@jest/globals';
import { measureAttempts } from '../../../shared/jobs/measure-history.js';
import { createTestInstallation } from '../../support/test-installation.js';

const home = await createTestInstallation({ redis: false });
beforeEach(() => home.sql('TRUNCATE jobs, job_executions CASCADE'));
afterAll(() => home.close());

const attempts = (count: number, status: string, ago: string) =>
  home.sql(
    `WITH job AS (INSERT INTO jobs (job_type, status, completed_at) SELECT 'pay', 'completed', now() FROM generate_series(1, $1) RETURNING id)
     INSERT INTO job_executions (job_id, attempt, worker_id, status, started_at, finished_at, duration_ms)
     SELECT id, 1, 'w-1', $2::execution_status, now() - $3::interval, now() - $3::interval, 1 FROM job`,
    [count, status, ago],
  );
const measured = async () => {
  const { windowSeconds, statistics } = await measureAttempts(home.installation.db);
  const { attempts: count, failures } = statistics[0]!;
  return { windowSeconds, count, failures };
};

test('of an hour with few attempts all are looked at', async () => {
  await attempts(90, 'completed', '50 minutes');
  await attempts(10, 'failed', '1 second');
  expect(await measured()).toEqual({ windowSeconds: 3_600, count: 100, failures: 10 });
});

test('what fails now is seen however many attempts of the hour are older', async () => {
  await attempts(10_001, 'completed', '50 minutes');
  await attempts(50, 'completed', '1 second');
  await attempts(50, 'failed', '1 second');
  expect(await measured()).toEqual({ windowSeconds: 600, count: 100, failures: 50 });
});
