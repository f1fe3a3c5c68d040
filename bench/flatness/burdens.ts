import type { OwnHome } from '../own-home.js';
import { checkpoint, withClient } from '../with-client.js';

const CHUNK = 500_000;

/** Finished jobs, each with one attempt on record, spread over the last six days. */
export async function fillWithHistory({ servers }: OwnHome, count: number): Promise<void> {
  await withClient(servers.postgresUrl, async (client) => {
    for (let from = 1; from <= count; from += CHUNK) {
      const to = Math.min(from + CHUNK - 1, count);
      await client.query(
        `INSERT INTO jobs (job_type, payload, status, attempt, worker_id, created_at, started_at, completed_at, updated_at)
         SELECT 'noop', jsonb_build_object('n', n, 'to', 'someone@example.com'), 'completed', 1, 'w-gone', at, at, at, at
           FROM (SELECT n, now() - interval '6 days' * (1 - n::float8 / ${count}) AS at FROM generate_series($1::int, $2::int) n) past`,
        [from, to],
      );
      await client.query(
        `INSERT INTO job_executions (job_id, attempt, worker_id, status, started_at, finished_at, duration_ms)
         SELECT id, 1, 'w-gone', 'completed', started_at, completed_at, 0 FROM jobs
          WHERE id > (SELECT COALESCE(max(job_id), 0) FROM job_executions)`,
      );
    }
    await client.query('VACUUM ANALYZE jobs');
    await client.query('VACUUM ANALYZE job_executions');
  });
  await checkpoint(servers.postgresUrl);
}

/** Jobs in a queue that nobody serves. */
export async function fillWithWaiting({ fill, servers }: OwnHome, count: number): Promise<void> {
  await fill(count, 'elsewhere');
  await checkpoint(servers.postgresUrl);
}
