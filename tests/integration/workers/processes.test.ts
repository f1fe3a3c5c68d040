import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Coordinator } from '../../../workers/coordinator/coordinator.js';
import { eventually } from '../../support/eventually.js';
import { forkWorker, type ForkedProcess } from '../../support/fork-worker.js';
import { createTestInstallation, type TestInstallation } from '../../support/test-installation.js';
import { submitBySql } from '../../support/test-jobs.js';

/** Workers as real processes: killed, frozen, blocked. */
let db: TestInstallation;
let coordinator: Coordinator;
const processes: ForkedProcess[] = [];
beforeAll(async () => {
  db = await createTestInstallation();
  coordinator = new Coordinator(db);
  await coordinator.start();
});
afterEach(async () => {
  for (const one of processes.splice(0)) await one.kill();
  await db.sql(`UPDATE workers SET dead_at = now() WHERE dead_at IS NULL`);
  await db.sql('TRUNCATE jobs, job_executions, job_dependencies, dead_letter_jobs, claim_batches');
});
afterAll(async () => {
  await coordinator.stop();
  await db.close();
});

/** A machine that is merely slow does not look like the death of one with patience; where a test waits for a death, less will do. */
async function startWorker({ deadAfterMs = 1_000 } = {}): Promise<ForkedProcess> {
  const started = await forkWorker('worker-process', db, { DEAD_AFTER_MS: `${deadAfterMs}` });
  processes.push(started);
  return started;
}
const submit = (type: string, payload?: unknown, timeoutMs?: number) =>
  submitBySql(db, type, payload, timeoutMs);
const running = (id: number, workerId?: string) =>
  eventually(`job ${id} runs`, async () => {
    const [row] = await db.sql<{ worker_id: string }>(
      `SELECT worker_id FROM jobs WHERE id = $1 AND status = 'running'`,
      [id],
    );
    return row && row.worker_id !== workerId ? row : undefined;
  });
const attempts = async (id: number) =>
  (
    await db.sql('SELECT attempt, status, worker_id FROM job_executions WHERE job_id = $1 ORDER BY 1', [id])
  ).map((row) => Object.values(row));

describe('a worker process', () => {
  test('that is killed has its jobs run elsewhere; the attempt is on record as lost', async () => {
    const first = await startWorker({ deadAfterMs: 4_000 });
    const id = await submit('forever');
    await running(id);
    const second = await startWorker({ deadAfterMs: 4_000 });
    first.child.kill('SIGKILL');
    await running(id, first.id);
    expect(await attempts(id)).toEqual([[1, 'lost', first.id]]);
    expect((await db.sql('SELECT worker_id, attempt, retry_count FROM jobs'))[0]).toEqual({
      worker_id: second.id,
      attempt: 2,
      retry_count: 0,
    });
  });

  test('that is frozen past its lease aborts what it ran when it wakes, and goes on as another', async () => {
    const { child, id: former, said } = await startWorker();
    const id = await submit('forever');
    await running(id);
    await eventually('it says so', () => said.some(({ event }) => event === 'running'));
    child.kill('SIGSTOP');
    await eventually(
      'it is declared dead',
      async () =>
        (await db.sql('SELECT 1 FROM workers WHERE id = $1 AND dead_at IS NOT NULL', [former])).length > 0,
    );
    child.kill('SIGCONT');
    await eventually('its handler is aborted', () => said.some(({ event }) => event === 'aborted'));
    const again = await running(id, former);
    expect(again.worker_id).not.toBe(former);
    expect(await attempts(id)).toEqual([[1, 'lost', former]]);
  });

  test('whose event loop is blocked is busy, not dead', async () => {
    const { id: workerId } = await startWorker({ deadAfterMs: 30_000 });
    const id = await submit('block', { ms: 3_000 });
    await running(id);
    await eventually(
      'it is done',
      async () => (await db.sql(`SELECT 1 FROM jobs WHERE status = 'completed'`)).length > 0,
    );
    expect(await attempts(id)).toEqual([[1, 'completed', workerId]]);
  });

  test('that never yields although its job is over its timeout is ended: that job timed out, its neighbours are released', async () => {
    const { child, id: workerId } = await startWorker({ deadAfterMs: 30_000 });
    const ended = once(child, 'exit');
    const neighbour = await submit('forever');
    await running(neighbour);
    const id = await submit('block', { ms: 60_000 }, 300);
    const [, signal] = (await ended) as [number | null, string | null];
    expect(signal).toBe('SIGKILL');
    // On record before the process ends: nobody waited for its lease.
    expect(await attempts(id)).toEqual([[1, 'timed_out', workerId]]);
    expect(await attempts(neighbour)).toEqual([[1, 'released', workerId]]);
    expect(await db.sql('SELECT retry_count, lost_count, status FROM jobs ORDER BY id')).toEqual([
      { retry_count: 0, lost_count: 0, status: 'pending' },
      { retry_count: 1, lost_count: 0, status: 'pending' },
    ]);
    // Or the next worker would have to be ended too.
    await db.sql('DELETE FROM jobs WHERE id = $1', [id]);
    const { id: next } = await startWorker({ deadAfterMs: 30_000 });
    expect(await running(neighbour)).toMatchObject({ worker_id: next });
  });

  test('that never yields in the last attempt of a job leaves a dead letter, and frees what depends on it', async () => {
    const { child } = await startWorker({ deadAfterMs: 30_000 });
    const ended = once(child, 'exit');
    const id = await submit('block', { ms: 60_000, after: 50 }, 300);
    await db.sql('UPDATE jobs SET max_retries = 0');
    const [child_] = await db.sql<{ id: number }>(
      `SELECT submit_job('forever', depends_on => ARRAY[$1]::bigint[], on_failure => 'run') AS id`,
      [id],
    );
    await ended;
    expect(
      await db.sql('SELECT status, error_class, completed_at IS NOT NULL AS done FROM jobs WHERE id = $1', [
        id,
      ]),
    ).toEqual([{ status: 'failed', error_class: 'timeout', done: true }]);
    expect(await db.sql('SELECT job_id, reason, attempts FROM dead_letter_jobs')).toEqual([
      { job_id: id, reason: 'max_retries', attempts: 1 },
    ]);
    expect(await db.sql('SELECT unmet_dependencies FROM jobs WHERE id = $1', [child_!.id])).toEqual([
      { unmet_dependencies: 0 },
    ]);
  });
});
