import { expect, test } from '@jest/globals';
import { openInstallation, type Installation } from '../../../shared/installation.js';
import { createClient } from '../../../shared/client/create-client.js';
import { createEventHub } from '../../../shared/observe/events.js';
import { Coordinator } from '../../../workers/coordinator/coordinator.js';
import { createWorker } from '../../../workers/create-worker.js';
import { createHeartbeat } from '../../../workers/heartbeat.js';
import { RunningAttempts } from '../../../workers/running-attempts.js';
import { registerWorker } from '../../../shared/workers/registry.js';
import { eventually } from '../../support/eventually.js';
import { startProxyTo } from '../../support/tcp-proxy.js';
import { createTestInstallation, hasRedis, type TestInstallation } from '../../support/test-installation.js';
import { HeldRuns } from '../../support/test-jobs.js';

/**
 * A worker's connections fall silent, as when a firewall forgets them: nothing says that they are gone. New ones work.
 * The tests wait for timeouts, side by side.
 */
const RUNNING = 20;
const LATER = 10;
/** Timeouts of statements are ten seconds. */
const MOST_MS = 40_000;
const LEASE = { heartbeatIntervalMs: 200, deadAfterMs: 4_000 };

interface Fault {
  begin(): void | Promise<void>;
  /** Whether the worker has found its way back. */
  isOver(): boolean;
}

/** The fault begins while jobs run; then those end and others come. Every job must be completed by its first attempt. */
async function workThrough(db: TestInstallation, installation: Installation, fault: Fault): Promise<void> {
  const client = await createClient(db);
  const held = new HeldRuns();
  const coordinator = new Coordinator(db);
  const worker = createWorker({
    installation,
    jobs: [held.job],
    concurrency: RUNNING + LATER,
    ...LEASE,
  });
  await coordinator.start();
  await worker.start();
  const payloads = (length: number) => Array.from({ length }, () => ({}));
  try {
    await client.submitMany(held.job, payloads(RUNNING));
    await held.run(RUNNING - 1);
    await fault.begin();
    held.endAll();
    await client.submitMany(held.job, payloads(LATER));
    await held.run(RUNNING + LATER - 1);
    held.endAll();
    await eventually(
      'all are completed',
      async () => (await db.sql('SELECT 1 FROM jobs WHERE completed_at IS NULL')).length === 0,
      MOST_MS,
    );
    await eventually('the fault is over', () => fault.isOver(), MOST_MS);
  } finally {
    held.endAll();
    await worker.stop();
    await coordinator.stop();
  }
  expect(await db.sql('SELECT status, attempt, count(*) AS n FROM job_executions GROUP BY 1, 2')).toEqual([
    { status: 'completed', attempt: 1, n: RUNNING + LATER },
  ]);
  expect(held.count).toBe(RUNNING + LATER);
}

test.concurrent(
  'half-open connections to PostgreSQL hold up jobs for one timeout; nobody is declared dead, nothing runs twice',
  async () => {
    const db = await createTestInstallation();
    const proxy = await startProxyTo(db.connectionString);
    const installation = await openInstallation({
      postgres: { connectionString: proxy.url },
      redis: db.redisUrl === null ? null : { url: db.redisUrl },
    });
    let died = 0;
    db.installation.events.on('workerDied', () => died++);
    try {
      await workThrough(db, installation, { begin: () => proxy.freezeExisting(), isOver: () => true });
      expect(died).toBe(0);
    } finally {
      await proxy.close();
      await installation.close();
      await db.close();
    }
  },
  2 * MOST_MS,
);

(hasRedis ? test.concurrent : test.concurrent.skip)(
  'half-open connections to Redis are noticed and replaced; meanwhile jobs go by way of PostgreSQL, once each',
  async () => {
    const db = await createTestInstallation();
    const proxy = await startProxyTo(db.redisUrl!);
    const events = createEventHub();
    let [away, back] = [0, 0];
    events.on('redisAway', () => away++);
    events.on('redisBack', () => back++);
    const installation = await openInstallation({
      postgres: { connectionString: db.connectionString },
      redis: { url: proxy.url },
      events,
    });
    try {
      await workThrough(db, installation, {
        async begin() {
          // Where so much else goes on that Redis is slow to answer, it was away before.
          await eventually('Redis is there', () => away === back);
          away = back = 0;
          proxy.freezeExisting();
        },
        isOver: () => back > 0,
      });
      expect([away, back]).toEqual([1, 1]);
    } finally {
      await proxy.close();
      await installation.close();
      await db.close();
    }
  },
  2 * MOST_MS,
);

test.concurrent(
  'a heartbeat whose connection falls silent while it is made beats over another one, within the lease',
  async () => {
    const db = await createTestInstallation();
    const proxy = await startProxyTo(db.connectionString);
    const workerId = 'w-half-open';
    const worker = { queues: ['default'], jobTypes: [], concurrency: 1, deadAfterMs: LEASE.deadAfterMs };
    await registerWorker(db.installation.db, workerId, worker);
    const heartbeat = createHeartbeat({
      connection: { ...db.installation.db.connectionConfig, connectionString: proxy.url },
      schema: 'public',
      workerId,
      intervalMs: LEASE.heartbeatIntervalMs,
      graceMs: 1_000,
      running: new RunningAttempts(),
      policies: {},
      isDeadLetterEnabled: true,
      onDead: () => undefined,
    });
    const readGapMs = async () =>
      (
        await db.sql<{ ms: number }>(
          'SELECT extract(epoch FROM last_seen_at - started_at)::float8 * 1000 AS ms FROM workers WHERE last_seen_at > started_at',
        )
      )[0]?.ms;
    try {
      proxy.freezeAll();
      await heartbeat.start();
      await eventually('it connects', () => proxy.connectionCount > 0);
      proxy.freezeExisting();
      const gapMs = await eventually('it beats', readGapMs, MOST_MS);
      expect(gapMs).toBeLessThan(LEASE.deadAfterMs);
    } finally {
      await heartbeat.stop();
      await proxy.close();
      await db.close();
    }
  },
);
