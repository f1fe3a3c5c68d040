import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { pushJobs } from '../../../shared/jobs/dispatch-jobs.js';
import { fillLanes } from '../../../shared/jobs/fill-lanes.js';
import { submitJobs } from '../../../shared/jobs/submit-jobs.js';
import { sweepQueue } from '../../../shared/jobs/sweep-jobs.js';
import { emptyLanes, readKnowledge } from '../../../shared/redis/lane-contents.js';
import { eventually } from '../../support/eventually.js';
import { createTestInstallation, hasRedis, type TestInstallation } from '../../support/test-installation.js';

/** What a sweep does with a queue that Redis is not known to know. */
const describeWithRedis = hasRedis ? describe : describe.skip;
let db: TestInstallation;
beforeAll(async () => {
  db = await createTestInstallation();
});
afterEach(async () => {
  await db.sql('TRUNCATE jobs, job_executions, job_dependencies, dead_letter_jobs, claim_batches');
  await flush();
});
afterAll(() => db.close());

const lanes = () => db.installation.lanes!;
const keys = () => lanes().keys('default');
async function flush(): Promise<void> {
  const known = await lanes().connection.keys(`${keys().base}*`);
  if (known.length > 0) await lanes().connection.del(...known);
}
/** In the order in which they leave Redis. */
async function listed(): Promise<number[]> {
  const [handoff, lane] = await Promise.all([
    lanes().connection.lrange(keys().handoff, 0, -1),
    lanes().connection.lrange(keys().lane(50), 0, -1),
  ]);
  return [...handoff, ...lane.reverse()].map(Number);
}
/** Their ids, when all of them are in Redis. */
async function submit(count: number): Promise<number[]> {
  const before = (await listed()).length;
  const jobs = Array.from({ length: count }, () => ({ jobType: 'echo', payload: {} }));
  const ids = (await submitJobs(db.installation, jobs)).map(({ id }) => id);
  await eventually('they are pushed', async () => (await listed()).length === before + count);
  return ids;
}
const sweep = () => sweepQueue(db.installation, 'default', ['echo'], new Set());
const knowledge = () => readKnowledge(lanes(), 'default');

describeWithRedis('a queue without an epoch', () => {
  test('that is new is marked, and nothing is pushed a second time', async () => {
    const ids = await submit(5_100);
    expect(await sweep()).toBe(0);
    expect([await knowledge(), await listed()]).toEqual(['known', ids]);
  });

  test('that Redis forgot is filled', async () => {
    const ids = await submit(5_100);
    await flush();
    expect(await sweep()).toBe(5_100);
    expect([await knowledge(), await listed()]).toEqual(['known', ids]);
  });

  test('that Redis forgot is filled by the next sweep when the first one ended half way', async () => {
    const ids = await submit(10);
    await flush();
    const filter = { queue: 'default', jobTypes: null, readyForMs: 0 };
    const push = jest.spyOn(lanes(), 'push').mockImplementationOnce(async (queue, entries) => {
      push.mockRestore();
      await lanes().push(queue, entries.slice(0, 4), 'front');
      throw new Error('Redis is full');
    });
    await expect(fillLanes(db.installation, lanes(), filter)).rejects.toThrow('Redis is full');
    expect([await knowledge(), await listed()]).toEqual(['partly', ids.slice(0, 4)]);
    await sweep();
    expect([await knowledge(), new Set(await listed())]).toEqual(['known', new Set(ids)]);
  });

  test('that is filled by somebody who may not finish is not taken for one that is new', async () => {
    const ids = await submit(5_100);
    const found = await lanes().connection.lrange(keys().lane(50), 0, -1);
    await emptyLanes(lanes(), 'default');
    await lanes().connection.del(keys().handoff);
    // The other one's first page.
    await lanes().connection.rpush(keys().lane(50), ...found.slice(-100));
    await fillLanes(db.installation, lanes(), { queue: 'default', jobTypes: null, readyForMs: 0 });
    expect(new Set(await listed())).toEqual(new Set(ids));
  });

  test('that Redis forgot is filled although an old job has come back since', async () => {
    const ids = await submit(1_200);
    await flush();
    await db.sql(`UPDATE jobs SET created_at = created_at - interval '1 minute'`);
    await pushJobs(lanes(), 'default', [{ id: ids[0]!, queue: 'default', priority: 50 }], 'front');
    await pushJobs(lanes(), 'default', [{ id: ids[1]!, queue: 'default', priority: 50 }], 'front');
    await sweep();
    expect([await knowledge(), new Set(await listed())]).toEqual(['known', new Set(ids)]);
  });

  test('that Redis forgot, and has learned newer jobs of, is filled with the older ones', async () => {
    const older = await submit(20);
    await flush();
    const newer = await submit(20);
    expect(await sweep()).toBe(20);
    // The first of the newer ones is in the handoff already.
    expect([await knowledge(), await listed()]).toEqual(['known', [newer[0], ...older, ...newer.slice(1)]]);
  });
});
