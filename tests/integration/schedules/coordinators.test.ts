import { afterAll, expect, test } from '@jest/globals';
import { createEventHub } from '../../../shared/observe/events.js';
import { Coordinator } from '../../../workers/coordinator/coordinator.js';
import { eventually } from '../../support/eventually.js';
import { forkWorker } from '../../support/fork-worker.js';
import { createTestInstallation } from '../../support/test-installation.js';

const db = await createTestInstallation({ poolSize: 20 });
afterAll(() => db.close());

const SCHEDULES = 40;

/** Every second of each schedule since the first has one job, and none is missing or told to be missed. */
async function checkFires(): Promise<void> {
  const [sum] = await db.sql(
    `SELECT count(*) AS fires, count(DISTINCT job_id) AS jobs, count(*) FILTER (WHERE outcome <> 'fired') AS others,
            sum(gap - 1) AS missing, (SELECT count(*) FROM jobs) AS submitted
       FROM (SELECT *, COALESCE(date_part('epoch', fire_at - lag(fire_at) OVER (PARTITION BY schedule_id ORDER BY fire_at)), 1) AS gap
               FROM job_schedule_fires) f`,
  );
  const { fires } = sum as { fires: number };
  expect(sum).toEqual({ fires, jobs: fires, others: 0, missing: 0, submitted: fires });
}

test('ten coordinators that come and go, one of them killed while it fires, lose and double no fire', async () => {
  const doomed = await forkWorker('coordinator-process', db);
  doomed.child.send('start');
  await eventually('it leads', () => doomed.said.some(({ event }) => event === 'leading'));
  await db.sql(
    `INSERT INTO job_schedules (name, job_type, interval_ms) SELECT 's' || n, 'x', 1000 FROM generate_series(1, $1) n`,
    [SCHEDULES],
  );
  const coordinators = Array.from(
    { length: 9 },
    () => new Coordinator({ installation: { ...db.installation, events: createEventHub() } }),
  );
  await Promise.all(coordinators.map((one) => one.start()));
  const firedBy = async (seconds: number) =>
    eventually(`${seconds} seconds are fired`, async () => {
      const [row] = await db.sql<{ n: number }>('SELECT count(*) AS n FROM job_schedule_fires');
      return row!.n >= seconds * SCHEDULES;
    });
  try {
    await firedBy(2);
    await doomed.kill();
    for (const seconds of [7, 9, 11]) {
      await firedBy(seconds);
      const leader = await eventually('one leads', () => coordinators.find((one) => one.isLeading));
      await leader.stop();
      await leader.start();
    }
    await firedBy(13);
  } finally {
    await Promise.all(coordinators.map((one) => one.stop()));
    await doomed.kill();
  }
  await checkFires();
});
