import type { Client } from '../../shared/client/create-client.js';
import type { Database } from '../../shared/postgres/create-database.js';
import type { Servers } from '../../servers/start-servers.js';
import { forkWorker } from '../fork-worker.js';
import { noop } from '../noop-job.js';
import { latencyOf, type Latency } from '../statistics.js';

/** How long after its due time a scheduled job starts, by the database's clock; jobs come due one at a time. */
export async function measureLateness(
  servers: Servers,
  client: Client,
  db: Database,
  samples: number,
): Promise<Latency> {
  const worker = await forkWorker(servers, 10);
  const started = worker.next('started');
  worker.send('go');
  await started;
  const submits = Array.from({ length: samples }, (_, n) =>
    client.submit(noop, { n, to: 'later' }, { delayMs: 200 + n * 40 + Math.random() * 40 }),
  );
  const ids = (await Promise.all(submits)).map(({ id }) => id);
  await client.result(ids.at(-1) as number, { timeoutMs: samples * 80 + 10_000 });
  await worker.stop();
  const { rows } = await db.query<{ late: number }>(
    `SELECT date_part('epoch', started_at - scheduled_at) * 1000 AS late FROM jobs WHERE id = ANY ($1)`,
    [ids],
  );
  return latencyOf(rows.map((row) => row.late));
}
