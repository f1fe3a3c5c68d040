import { createClient, type Client } from '../shared/client/create-client.js';
import { openInstallation, type Installation } from '../shared/installation.js';
import type { Servers } from '../servers/start-servers.js';
import { Coordinator } from '../workers/coordinator/coordinator.js';
import { startBenchServers } from './bench-servers.js';
import { noop, noopPayloads } from './noop-job.js';

/** A Holdfast on the benchmark's servers: a client and a coordinator; measures bring workers of their own. */
export interface OwnHome {
  readonly servers: Servers;
  readonly installation: Installation;
  readonly client: Client;
  /** Removes all jobs, and what Redis holds of them. */
  empty(): Promise<void>;
  /** Submits jobs that do nothing, in bulk. */
  readonly fill: (count: number, queue?: string) => Promise<void>;
  close(): Promise<void>;
}

const EMPTY =
  'TRUNCATE jobs, job_executions, job_dependencies, dead_letter_jobs, claim_batches, cancel_requests, workers';

/** Removes all jobs of an installation, and what Redis holds of its default queue. */
export async function emptyInstallation({ db, lanes }: Installation): Promise<void> {
  await db.query(EMPTY);
  if (!lanes) return;
  const keys = await lanes.connection.keys(`${lanes.keys('default').base}*`);
  if (keys.length > 0) await lanes.connection.unlink(...keys);
}

/** Runs `work` in a Holdfast on servers of its own. */
export async function inOwnHome(work: (home: OwnHome) => Promise<void>): Promise<void> {
  const servers = await startBenchServers();
  try {
    const home = await openOwnHome(servers);
    await work(home).finally(() => home.close());
  } finally {
    await servers.stop();
  }
}

export async function openOwnHome(servers: Servers): Promise<OwnHome> {
  const installation = await openInstallation({
    postgres: { connectionString: servers.postgresUrl },
    redis: servers.redisUrl === null ? null : { url: servers.redisUrl },
  });
  const client = await createClient({ installation });
  const coordinator = new Coordinator({ installation });
  await coordinator.start();
  return {
    servers,
    installation,
    client,
    empty: () => emptyInstallation(installation),
    async fill(count, queue = 'default') {
      const payloads = noopPayloads(1_000);
      for (let sent = 0; sent < count; sent += 4_000)
        await Promise.all([1, 2, 3, 4].map(() => client.submitMany(noop, payloads, { queue })));
    },
    async close() {
      await coordinator.stop();
      await installation.close();
    },
  };
}
