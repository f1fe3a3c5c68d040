import { afterAll, expect, test } from '@jest/globals';
import type { Servers } from '../../../servers/start-servers.js';
import { createClient } from '../../../shared/client/create-client.js';
import { openInstallation, type Installation } from '../../../shared/installation.js';
import { migrate } from '../../../shared/postgres/migrate.js';
import { createEventHub } from '../../../shared/observe/events.js';
import { Coordinator } from '../../../workers/coordinator/coordinator.js';
import { createWorker } from '../../../workers/create-worker.js';
import { startBarePostgres } from '../../support/bare-postgres.js';
import { eventually } from '../../support/eventually.js';
import { HeldRuns } from '../../support/test-jobs.js';

/** PostgreSQL stops while handlers run: they finish, their outcomes wait, and are recorded when it is back. */
const binaries = await startBarePostgres();
const servers = binaries as Servers;
let installation: Installation;
afterAll(async () => {
  await installation?.close();
  await binaries?.stop();
});

(binaries ? test : test.skip)(
  'outcomes wait for PostgreSQL and are recorded once, and nobody is declared dead for the gap',
  async () => {
    await migrate('up', { connectionString: servers.postgresUrl });
    const events = createEventHub();
    let died = 0;
    events.on('workerDied', () => died++);
    installation = await openInstallation({ postgres: { connectionString: servers.postgresUrl }, events });
    const held = new HeldRuns();
    const coordinator = new Coordinator({ installation });
    const worker = createWorker({
      installation,
      jobs: [held.job],
      heartbeatIntervalMs: 100,
      deadAfterMs: 1_000,
      pollIntervalMs: 100,
    });
    await coordinator.start();
    await worker.start();
    const client = await createClient({ installation });
    const jobs = await client.submitMany(held.job, [{}, {}, {}]);
    const runs = [await held.run(0), await held.run(1), await held.run(2)];

    await servers.postgres.kill();
    const delayed = new Promise((resolve) => events.once('settleDelayed', resolve));
    runs[0]!.end('while it was away');
    await delayed;
    await expect(client.submit(held.job, {})).rejects.toMatchObject({ code: 'postgres_unavailable' });
    runs[1]!.end('while it was away');
    await servers.postgres.start();
    runs[2]!.end('when it was back');

    expect(
      await Promise.all(
        jobs.map(({ id }) => eventually(`job ${id}`, () => client.result(id).catch(() => undefined))),
      ),
    ).toHaveLength(3);
    const { rows } = await installation.db.query('SELECT attempt, status FROM job_executions');
    expect(rows).toEqual(Array.from({ length: 3 }, () => ({ attempt: 1, status: 'completed' })));
    expect(died).toBe(0);
    const { id } = await client.submit(held.job, {});
    (await held.run(3)).end('life goes on');
    expect(await client.result(id)).toBe('life goes on');
    await worker.stop();
    await coordinator.stop();
  },
  60_000,
);
