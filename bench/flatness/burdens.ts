import pg from 'pg';
import type { OwnHome } from '../own-home.js';
import { noop, noopPayloads } from '../noop-job.js';

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
    await client.query('CHECKPOINT');
  });
}

/** Jobs in a queue that nobody serves. */
export async function fillWithWaiting({ client, servers }: OwnHome, count: number): Promise<void> {
  const payloads = noopPayloads(1_000);
  for (let sent = 0; sent < count; sent += 4_000)
    await Promise.all([1, 2, 3, 4].map(() => client.submitMany(noop, payloads, { queue: 'elsewhere' })));
  await withClient(servers.postgresUrl, (one) => one.query('CHECKPOINT'));
}

/** Another session holds a snapshot from now on: nothing that dies from here can be vacuumed. Ends with the server. */
export async function holdSnapshot({ servers }: OwnHome): Promise<void> {
  const holder = new pg.Client(servers.postgresUrl);
  holder.on('error', () => undefined);
  await holder.connect();
  await holder.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  await holder.query('SELECT count(*) FROM jobs');
}

async function withClient(
  connectionString: string,
  work: (client: pg.Client) => Promise<unknown>,
): Promise<void> {
  const client = new pg.Client(connectionString);
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
