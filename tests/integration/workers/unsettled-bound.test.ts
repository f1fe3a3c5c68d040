import { afterAll, expect, test } from '@jest/globals';
import type { Servers } from '../../../servers/start-servers.js';
import { createClient } from '../../../shared/client/create-client.js';
import { openInstallation, type Installation } from '../../../shared/installation.js';
import { createEventHub } from '../../../shared/observe/events.js';
import { migrate } from '../../../shared/postgres/migrate.js';
import { createWorker } from '../../../workers/create-worker.js';
import { startBarePostgres } from '../../support/bare-postgres.js';
import { eventually } from '../../support/eventually.js';
import { hasRedis } from '../../support/test-installation.js';
import { HeldRuns } from '../../support/test-jobs.js';

/** PostgreSQL stops while outcomes wait for it: as many as may wait, and no job more is taken. */
const binaries = await startBarePostgres();
const servers = binaries as Servers;
let installation: Installation;
afterAll(async () => {
  await installation?.close();
  await binaries?.stop();
});

const CONCURRENCY = 4;
const MOST_UNSETTLED = 3;

(binaries && hasRedis ? test : test.skip)(
  'a worker with too many outcomes that wait takes no job more, and all are recorded in the end',
  async () => {
    await migrate('up', { connectionString: servers.postgresUrl });
    const events = createEventHub();
    installation = await openInstallation({
      postgres: { connectionString: servers.postgresUrl },
      redis: { url: process.env.HOLDFAST_TEST_REDIS_URL as string },
      events,
    });
    const held = new HeldRuns();
    const client = await createClient({ installation });
    const jobs = await client.submitMany(
      held.job,
      Array.from({ length: 10 }, () => ({})),
    );
    const worker = createWorker({
      installation,
      jobs: [held.job],
      concurrency: CONCURRENCY,
      maxUnsettled: MOST_UNSETTLED,
      heartbeatIntervalMs: 500,
      deadAfterMs: 30_000,
    });
    await worker.start();
    const runs = await Promise.all([0, 1, 2, 3].map((index) => held.run(index)));
    const { connection } = installation.lanes!;
    const keys = installation.lanes!.keys('default');
    const inLanes = async () =>
      (await connection.llen(keys.lane(50))) + (await connection.llen(keys.handoff));
    await eventually('the rest waits in Redis', async () => (await inLanes()) === jobs.length - CONCURRENCY);

    await servers.postgres.kill();
    let waiting = 0;
    let tries = 0;
    events.on('settleDelayed', (event) => {
      waiting = event.waiting;
      if (waiting === CONCURRENCY) tries++;
    });
    for (const [index, run] of runs.entries()) run.end(`result ${index}`);
    // Long enough for many turns of a consumer that would take.
    await eventually('it is tried again and again', () => tries >= 4);
    expect(waiting).toBe(CONCURRENCY);
    expect(await inLanes()).toBe(jobs.length - CONCURRENCY);
    expect(held.count).toBe(CONCURRENCY);

    await servers.postgres.start();
    for (let index = CONCURRENCY; index < jobs.length; index++)
      (await held.run(index)).end(`result ${index}`);
    const results = await Promise.all(
      jobs.map(({ id }) => eventually(`job ${id}`, () => client.result(id).catch(() => undefined))),
    );
    expect([...results].sort()).toEqual(jobs.map((_job, index) => `result ${index}`));
    const { rows } = await installation.db.query('SELECT DISTINCT attempt, status FROM job_executions');
    expect(rows).toEqual([{ attempt: 1, status: 'completed' }]);
    await worker.stop();
  },
  60_000,
);
