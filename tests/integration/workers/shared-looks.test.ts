import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Installation } from '../../../shared/installation.js';
import type { ClaimedJob } from '../../../shared/jobs/claimed-job.js';
import type { Claimer } from '../../../workers/claimer.js';
import { createWorker, type Worker } from '../../../workers/create-worker.js';
import { Poller, type PollerOptions } from '../../../workers/poller.js';
import { RunningAttempts } from '../../../workers/running-attempts.js';
import type { Settler } from '../../../workers/settler.js';
import { Slots } from '../../../workers/slots.js';
import { eventually } from '../../support/eventually.js';
import { createTestInstallation, hasRedis, type TestInstallation } from '../../support/test-installation.js';
import { actJob } from '../../support/test-jobs.js';

/** Idle workers look for forgotten jobs in PostgreSQL, for each other. */
const describeWithRedis = hasRedis ? describe : describe.skip;
const db: TestInstallation = await createTestInstallation();
const workers: Worker[] = [];
beforeEach(async () => {
  await db.sql('TRUNCATE jobs, job_executions, job_dependencies, claim_batches, workers');
  // A look counts for a while, also for the workers of the next test.
  await db.forgetKeys();
});
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.stop()));
});
afterAll(() => db.close());

/** A worker, and what it was told whenever a look was due: that it is its turn, or that another one's counts. */
async function watchedWorker(type = 'echo') {
  const lanes = db.installation.lanes!;
  const turns: boolean[] = [];
  const installation: Installation = {
    ...db.installation,
    lanes: {
      ...lanes,
      async startLook(...look) {
        const isFirst = await lanes.startLook(...look);
        turns.push(isFirst);
        return isFirst;
      },
    },
  };
  // A look counts for seven tenths of it: longer than it takes to start three workers one after another on a busy machine.
  const pollIntervalMs = 3_000;
  const worker = createWorker({ installation, jobs: [actJob(type, () => undefined)], pollIntervalMs });
  workers.push(worker);
  await worker.start();
  return { worker, turns };
}

describeWithRedis('of idle workers', () => {
  test('one looks; when it is gone, another one does', async () => {
    const watched = [await watchedWorker(), await watchedWorker(), await watchedWorker()];
    const isResting = ({ turns }: { turns: boolean[] }) => turns.at(-1) === false;
    await eventually('two rest', () => watched.filter(isResting).length === 2);
    for (const { worker } of watched.filter((one) => !isResting(one))) await worker.stop();
    // No coordinator is here that would hear of it.
    await db.sql(`INSERT INTO jobs (job_type) VALUES ('echo')`);
    const completed = () => db.sql(`SELECT 1 FROM jobs WHERE status = 'completed'`);
    await eventually('a job that never was in Redis runs', async () => (await completed()).length === 1);
  });

  test('those of other job types look for themselves', async () => {
    const watched = [await watchedWorker('echo'), await watchedWorker('other')];
    await eventually('both have looked again', () => watched.every(({ turns }) => turns.length >= 2));
    expect(watched.flatMap(({ turns }) => turns)).not.toContain(false);
  });
});

describeWithRedis('a look', () => {
  function createPoller(claimReady: () => Promise<ClaimedJob[]>, changes: Partial<PollerOptions> = {}) {
    return new Poller({
      installation: db.installation,
      queue: 'looked-into',
      slots: new Slots(2),
      claimer: { jobTypes: ['b', 'a'], claimReady } as unknown as Claimer,
      settler: { isFull: false } as Settler,
      running: new RunningAttempts(),
      pollIntervalMs: 3_600_000,
      isDrained: () => true,
      begin: () => undefined,
      ...changes,
    });
  }
  /** One look, to its end. */
  async function look(poller: Poller): Promise<void> {
    await poller.lookBesides();
    await poller.looking;
  }
  const job = { lostCount: 0 } as ClaimedJob;
  let waiting = 1;
  const findsNothing = async (): Promise<ClaimedJob[]> => [];
  const countsOnAnother = async () => {
    const other = createPoller(findsNothing);
    await other.lookBesides();
    return other.isResting;
  };

  test('that finds nothing counts for all workers of the same job types', async () => {
    const poller = createPoller(findsNothing);
    await look(poller);
    expect([poller.isResting, poller.isDue]).toEqual([false, false]);
    expect(await countsOnAnother()).toBe(true);
  });

  test.each([
    ['finds a job', () => Promise.resolve(waiting-- > 0 ? [job] : [])],
    ['fails', () => Promise.reject(new Error('away'))],
  ])('that %s counts for nobody', async (_what, claimReady) => {
    await look(createPoller(claimReady));
    await eventually('another one looks, too', async () => !(await countsOnAnother()));
  });

  test('goes on while it finds as much as it asks for, and Redis brings nothing', async () => {
    let left = 5;
    const takesOne = async () => (left-- > 0 ? [job] : []);
    const slots = new Slots(2);
    const begin = () => slots.give(1);
    await look(createPoller(takesOne, { slots, begin }));
    expect(left).toBe(-1);
    left = 5;
    await look(createPoller(takesOne, { slots, begin, isDrained: () => left === 5 }));
    expect(left).toBe(4);
  });

  test('that finds a job for the last slot while its worker stops does not wait for that job', async () => {
    let answer: (jobs: ClaimedJob[]) => void = () => undefined;
    const poller = createPoller(() => new Promise((resolve) => (answer = resolve)), { slots: new Slots(1) });
    await poller.lookBesides();
    const stopped = poller.stop();
    answer([job]);
    await stopped;
    expect(await countsOnAnother()).toBe(false);
  });

  test('that is still under way is not another worker to count on', async () => {
    let answer: (jobs: ClaimedJob[]) => void = () => undefined;
    const poller = createPoller(() => new Promise((resolve) => (answer = resolve)));
    await poller.lookBesides();
    await poller.lookBesides();
    expect(poller.isResting).toBe(false);
    answer([]);
    await poller.stop();
  });

  test('of a worker that runs a suspect counts for nobody: it leaves suspects out', async () => {
    const running = new RunningAttempts();
    running.expect({ ...job, lostCount: 9 });
    await look(createPoller(findsNothing, { running }));
    expect(await countsOnAnother()).toBe(false);
  });
});
