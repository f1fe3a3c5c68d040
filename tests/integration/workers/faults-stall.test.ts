import { afterAll, expect, test } from '@jest/globals';
import pg from 'pg';
import type { Servers } from '../../../servers/start-servers.js';
import { createClient } from '../../../shared/client/create-client.js';
import { openInstallation, type Installation } from '../../../shared/installation.js';
import { migrate } from '../../../shared/postgres/migrate.js';
import { Coordinator } from '../../../workers/coordinator/coordinator.js';
import { createWorker } from '../../../workers/create-worker.js';
import { startBarePostgres } from '../../support/bare-postgres.js';
import { eventually } from '../../support/eventually.js';
import { HeldRuns } from '../../support/test-jobs.js';

/** PostgreSQL stands still for longer than a worker's lease, connections and all, and goes on as if nothing had been. */
const binaries = await startBarePostgres();
const servers = binaries as Servers;
const installations: Installation[] = [];
afterAll(async () => {
  for (const one of installations) await one.close();
  await binaries?.stop();
});

const LEASE_MS = 3_000;
const STALL_MS = 4_500;

async function open(applicationName: string): Promise<Installation> {
  const postgres = { connectionString: servers.postgresUrl, applicationName };
  installations.push(await openInstallation({ postgres }));
  return installations.at(-1)!;
}

/** Every process of PostgreSQL stands still; the postmaster first, so that no more are born. */
async function freezePostgres(watcher: pg.Client) {
  const postmaster = servers.postgres.pid!;
  process.kill(postmaster, 'SIGSTOP');
  const { rows } = await watcher.query<{ pid: number; name: string }>(
    'SELECT pid, application_name AS name FROM pg_stat_activity WHERE pid <> pg_backend_pid()',
  );
  for (const { pid } of rows) process.kill(pid, 'SIGSTOP');
  const goOn = (names: (name: string) => boolean) =>
    rows.filter(({ name }) => names(name)).forEach(({ pid }) => process.kill(pid, 'SIGCONT'));
  return {
    /** What the coordinator asked meanwhile is answered before a worker can beat. */
    async thawCoordinatorFirst(): Promise<void> {
      goOn((name) => name !== 'workers');
      await eventually('what it had asked is answered', async () => {
        const { rows: busy } = await watcher.query(
          `SELECT 1 FROM pg_stat_activity WHERE application_name = 'coordinator' AND state = 'active'`,
        );
        return busy.length === 0;
      });
      goOn((name) => name === 'workers');
      process.kill(postmaster, 'SIGCONT');
    },
  };
}

(binaries ? test : test.skip)(
  'a stall of PostgreSQL that is longer than the lease kills nobody, and nothing runs twice',
  async () => {
    await migrate('up', { connectionString: servers.postgresUrl });
    const watcher = new pg.Client(servers.postgresUrl);
    watcher.on('error', () => undefined);
    await watcher.connect();
    const ofCoordinator = await open('coordinator');
    const ofWorkers = await open('workers');
    const died: string[] = [];
    ofCoordinator.events.on('workerDied', ({ workerId }) => died.push(workerId));
    const held = new HeldRuns();
    const coordinator = new Coordinator({ installation: ofCoordinator });
    const workers = Array.from({ length: 3 }, () =>
      createWorker({
        installation: ofWorkers,
        jobs: [held.job],
        heartbeatIntervalMs: 100,
        deadAfterMs: LEASE_MS,
        shutdownTimeoutMs: 1_000,
        abortGraceMs: 100,
      }),
    );
    await coordinator.start();
    for (const worker of workers) await worker.start();
    const ids = workers.map(({ id }) => id);
    const client = await createClient({ installation: ofWorkers });
    const jobs = await client.submitMany(held.job, [{}, {}, {}]);
    await held.run(2);
    await eventually('it leads', () => coordinator.isLeading);
    const ledSince = performance.now();
    await eventually(
      'workers have been watched for longer than a lease',
      () => performance.now() - ledSince > 1.5 * LEASE_MS,
    );

    const stall = await freezePostgres(watcher);
    const since = performance.now();
    await eventually('the lease is over', () => performance.now() - since > STALL_MS);
    await stall.thawCoordinatorFirst();
    held.endAll();

    const isDone = async () =>
      (await Promise.all(jobs.map(({ id }) => client.get(id)))).every((job) => job?.completed_at);
    await eventually('they end', async () => died.length > 0 || (await isDone()));
    held.endAll();
    const idsAfter = workers.map(({ id }) => id);
    for (const worker of workers) await worker.stop();
    await coordinator.stop();
    expect(died).toEqual([]);
    expect(idsAfter).toEqual(ids);
    const { rows } = await watcher.query(
      'SELECT status, attempt, count(*)::int AS n FROM job_executions GROUP BY 1, 2',
    );
    expect(rows).toEqual([{ status: 'completed', attempt: 1, n: 3 }]);
    await watcher.end();
  },
  60_000,
);
