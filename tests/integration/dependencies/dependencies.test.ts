import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { createClient } from '../../../shared/client/create-client.js';
import { retryJob } from '../../../shared/jobs/retry-job.js';
import type { ParentJob } from '../../../shared/jobs/read-parents.js';
import { createWorker } from '../../../workers/create-worker.js';
import { PermanentError } from '../../../shared/jobs/job-errors.js';
import { createTestInstallation } from '../../support/test-installation.js';
import { actJob } from '../../support/test-jobs.js';
import { startApi } from '../api/test-api.js';

const db = await createTestInstallation();
const client = await createClient(db);
const api = await startApi(db.installation);
const stopping: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const service of stopping.splice(0)) await service.stop();
});
afterAll(async () => {
  await api.stop();
  await db.close();
});

let isMended = false;
let seen: readonly ParentJob[] = [];
const add = actJob('add', ({ n }) => ({ n }));
const fail = actJob('fail', () => {
  if (!isMended) throw new PermanentError('no');
  return 'mended';
});
const join = actJob('join', async (_payload, { parents }) => {
  seen = await parents();
});

async function work(): Promise<void> {
  const worker = createWorker({ installation: db.installation, jobs: [add, fail, join], concurrency: 10 });
  stopping.push(worker);
  await worker.start();
}
const submitAdd = async (n: number) => (await client.submit(add, { n })).id;
const stateOf = async (id: number) => {
  const job = await client.get(id);
  return { state: job?.state, reason: job?.reason };
};

describe('a child', () => {
  test('reads what its parents returned, oldest first', async () => {
    const parents = [await submitAdd(1), await submitAdd(2)];
    const dependsOn = parents.map((jobId) => ({ jobId }));
    const child = await client.submit(join, {}, { dependsOn });
    await work();
    await client.result(child.id);
    expect(seen.map(({ jobId, status, result }) => ({ jobId, status, result }))).toEqual([
      { jobId: parents[0], status: 'completed', result: { n: 1 } },
      { jobId: parents[1], status: 'completed', result: { n: 2 } },
    ]);
  });

  test('that runs in spite of a failure is told of it', async () => {
    const parent = await client.submit(fail, {});
    const child = await client.submit(join, {}, { dependsOn: [{ jobId: parent.id, onFailure: 'run' }] });
    await work();
    await client.result(child.id);
    expect(seen).toMatchObject([{ jobId: parent.id, status: 'failed', result: null, errorMessage: 'no' }]);
  });

  test('that is blocked by a failed parent runs when that one is run again, and completes', async () => {
    const parent = await client.submit(fail, {});
    const child = await client.submit(join, {}, { dependsOn: [{ jobId: parent.id }] });
    await work();
    await expect(client.result(parent.id)).rejects.toThrow('no');
    expect((await stateOf(child.id)).state).toBe('blocked');
    isMended = true;
    await retryJob(db.installation, parent.id);
    await client.result(child.id);
    expect(seen).toMatchObject([{ jobId: parent.id, result: 'mended' }]);
    isMended = false;
  });

  test('is cancelled with its parent, and its own children with it', async () => {
    const parent = await submitAdd(1);
    const cancels = (jobId: number) => ({ dependsOn: [{ jobId, onFailure: 'cancel' as const }] });
    const child = await client.submit(join, {}, cancels(parent));
    const grandchild = await client.submit(join, {}, cancels(child.id));
    await client.cancel(parent);
    expect((await stateOf(grandchild.id)).state).toBe('cancelled');
  });
});

test('a chain of a hundred is cancelled to its end, by a process and, over sweeps, by plain SQL', async () => {
  const submitChain = async () => {
    const ids = [await submitAdd(0)];
    while (ids.length < 100) {
      const dependsOn = [{ jobId: ids.at(-1)!, onFailure: 'cancel' as const }];
      ids.push((await client.submit(join, {}, { dependsOn })).id);
    }
    return ids;
  };
  const [byProcess, bySql] = [await submitChain(), await submitChain()];
  await client.cancel(byProcess[0]!);
  await db.sql('SELECT cancel_job($1)', [bySql[0]]);
  const { rows } = await db.installation.db.query(
    `SELECT status, count(*)::int AS n FROM jobs WHERE id = ANY ($1::bigint[]) GROUP BY 1`,
    [[...byProcess, ...bySql]],
  );
  expect(rows).toEqual([{ status: 'cancelled', n: 200 }]);
});

test('one statement of a person cancels a thousand dependents at most, a process all of them', async () => {
  const fan = async (parent: number, count: number) => {
    const dependsOn = [{ jobId: parent, onFailure: 'cancel' as const }];
    return (await client.submitMany(join, Array(count).fill({}), { dependsOn })).map(({ id }) => id);
  };
  const left = async () =>
    (
      await db.sql<{ n: number }>(
        `SELECT count(*) AS n FROM jobs WHERE unmet_dependencies > 0 AND completed_at IS NULL`,
      )
    )[0]!.n;
  const before = await left();
  const [root] = [await submitAdd(0)];
  for (const child of await fan(root, 20)) await fan(child, 100);
  await db.sql(
    `UPDATE jobs SET status = 'cancelled', completed_at = now(), error_class = 'cancelled' WHERE id = $1`,
    [root],
  );
  expect((await left()) - before).toBe(20 + 2_000 - 1_000);
  const [other] = [await submitAdd(0)];
  for (const child of await fan(other, 20)) await fan(child, 100);
  await client.cancel(other);
  expect((await left()) - before).toBe(20 + 2_000 - 1_000);
});

describe('a dependency that is added', () => {
  test('makes a waiting job wait for one more', async () => {
    const [parent, child] = [await submitAdd(1), (await client.submit(join, {})).id];
    const answer = await api.post(`/api/jobs/${child}/dependencies`, { depends_on: [parent] });
    expect(answer.body).toMatchObject({ success: true, job_id: child });
    expect(await stateOf(child)).toEqual({
      state: 'blocked',
      reason: `waits for 1 job(s): ${parent} (pending)`,
    });
    await work();
    await client.result(child);
    expect(seen).toMatchObject([{ jobId: parent }]);
  });

  test('to a job that has completed changes nothing', async () => {
    const parent = await submitAdd(1);
    const child = (await client.submit(join, {}, { delayMs: 600_000 })).id;
    await work();
    await client.result(parent);
    await client.addDependencies(child, [{ jobId: parent }]);
    expect((await stateOf(child)).state).toBe('scheduled');
    await client.cancel(child);
  });

  test('of one that runs or has finished, or to one that does not exist, is refused', async () => {
    const done = await submitAdd(1);
    await work();
    await client.result(done);
    const tooLate = await api.post(`/api/jobs/${done}/dependencies`, { depends_on: [done - 1] });
    expect(tooLate).toMatchObject({ status: 409, body: { code: 'not_pending' } });
    const waiting = (await client.submit(join, {}, { delayMs: 600_000 })).id;
    const unknown = await api.post(`/api/jobs/${waiting}/dependencies`, { depends_on: [done, 987_654_321] });
    expect(unknown).toMatchObject({ status: 400, body: { details: [{ field: 'depends_on.1' }] } });
    const missing = await api.post('/api/jobs/987654321/dependencies', { depends_on: [done] });
    expect(missing).toMatchObject({ status: 404, body: { code: 'not_found' } });
    await client.cancel(waiting);
  });
});

describe('jobs that would wait for each other', () => {
  test('are named, and nothing changes', async () => {
    const first = await submitAdd(1);
    const second = (await client.submit(join, {}, { dependsOn: [{ jobId: first }] })).id;
    const third = (await client.submit(join, {}, { dependsOn: [{ jobId: second }] })).id;
    const answer = await api.post(`/api/jobs/${first}/dependencies`, { depends_on: [third] });
    expect(answer).toMatchObject({ status: 409, body: { code: 'dependency_cycle' } });
    expect(answer.body.error).toContain(`jobs ${first}, ${second}, ${third} would wait for each other`);
    expect((await stateOf(first)).state).toBe('ready');
    await expect(client.addDependencies(first, [{ jobId: first }])).rejects.toThrow(
      `job ${first} would wait for itself`,
    );
  });

  test('are found by plain SQL too, and those beside the circle are not named', async () => {
    const beside = await submitAdd(0);
    const a = (await client.submit(join, {}, { dependsOn: [{ jobId: beside }] })).id;
    const b = (await client.submit(join, {}, { dependsOn: [{ jobId: a }, { jobId: beside }] })).id;
    const insert = db.sql('INSERT INTO job_dependencies (job_id, depends_on_job_id) VALUES ($1, $2)', [a, b]);
    await expect(insert).rejects.toThrow(`jobs ${a}, ${b} would wait for each other`);
  });

  test('are found when two transactions add a half each', async () => {
    const ids = await Promise.all([1, 2, 3, 4].map(submitAdd));
    const [a, b, c, d] = ids.sort((x, y) => x - y) as [number, number, number, number];
    await client.addDependencies(b, [{ jobId: c }]);
    await client.addDependencies(d, [{ jobId: a }]);
    const halves = await Promise.allSettled([
      client.addDependencies(a, [{ jobId: b }]),
      client.addDependencies(c, [{ jobId: d }]),
    ]);
    expect(halves.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });
});
