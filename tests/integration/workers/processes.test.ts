import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Coordinator } from '../../../workers/coordinator/coordinator.js';
import { eventually } from '../../support/eventually.js';
import { createTestInstallation, type TestInstallation } from '../../support/test-installation.js';

/** Workers as real processes: killed, frozen, blocked. */
let db: TestInstallation;
let coordinator: Coordinator;
const children: ChildProcess[] = [];
beforeAll(async () => {
  db = await createTestInstallation();
  coordinator = new Coordinator(db);
  await coordinator.start();
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  await db.sql(`UPDATE workers SET dead_at = now() WHERE dead_at IS NULL`);
  await db.sql('TRUNCATE jobs, job_executions, job_dependencies, claim_batches');
});
afterAll(async () => {
  await coordinator.stop();
  await db.close();
});

async function startWorker(): Promise<{ child: ChildProcess; id: string; events: string[] }> {
  const child = fork(fileURLToPath(new URL('../../support/fixtures/worker-process.ts', import.meta.url)), {
    execArgv: ['--import', 'tsx'],
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      POSTGRES_URL: db.connectionString,
      REDIS_URL: db.redisUrl ?? '',
    },
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  children.push(child);
  const events: string[] = [];
  child.on('message', (message) => events.push((message as { event: string }).event));
  const [started] = (await once(child, 'message')) as [{ workerId: string }];
  return { child, id: started.workerId, events };
}
const submit = async (type: string, payload: unknown = {}, timeoutMs = 60_000) =>
  (
    await db.sql<{ id: number }>('SELECT submit_job($1, $2, timeout_ms => $3) AS id', [
      type,
      payload,
      timeoutMs,
    ])
  )[0]!.id;
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
    const first = await startWorker();
    const id = await submit('forever');
    await running(id);
    const second = await startWorker();
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
    const { child, id: former, events } = await startWorker();
    const id = await submit('forever');
    await running(id);
    await eventually('it says so', () => events.includes('running'));
    child.kill('SIGSTOP');
    await eventually(
      'it is declared dead',
      async () =>
        (await db.sql('SELECT 1 FROM workers WHERE id = $1 AND dead_at IS NOT NULL', [former])).length > 0,
    );
    child.kill('SIGCONT');
    await eventually('its handler is aborted', () => events.includes('aborted'));
    const again = await running(id, former);
    expect(again.worker_id).not.toBe(former);
    expect(await attempts(id)).toEqual([[1, 'lost', former]]);
  });

  test('whose event loop is blocked is busy, not dead', async () => {
    const { id: workerId } = await startWorker();
    const id = await submit('block', { ms: 3_000 });
    await running(id);
    await eventually(
      'it is done',
      async () => (await db.sql(`SELECT 1 FROM jobs WHERE status = 'completed'`)).length > 0,
    );
    expect(await attempts(id)).toEqual([[1, 'completed', workerId]]);
  });

  test('that never yields although its job is over its timeout is ended from the heartbeat’s thread', async () => {
    const { child, id: workerId } = await startWorker();
    const ended = once(child, 'exit');
    const id = await submit('block', { ms: 60_000 }, 300);
    const [, signal] = (await ended) as [number | null, string | null];
    expect(signal).toBe('SIGKILL');
    await eventually('the attempt is on record', async () => (await attempts(id)).length > 0);
    expect(await attempts(id)).toEqual([[1, 'lost', workerId]]);
  });
});
