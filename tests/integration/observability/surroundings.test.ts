import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { measureSurroundings } from '../../../shared/jobs/measure-surroundings.js';
import { Coordinator } from '../../../workers/coordinator/coordinator.js';
import { eventually } from '../../support/eventually.js';
import { createTestInstallation, type TestInstallation } from '../../support/test-installation.js';

let db: TestInstallation;
beforeAll(async () => {
  db = await createTestInstallation({ redis: false });
});
afterAll(() => db.close());

const measure = () => measureSurroundings(db.installation.db);

test('whether a coordinator leads: before, while, and after it has resigned', async () => {
  expect((await measure()).hasLeader).toBe(false);
  const coordinator = new Coordinator({ installation: db.installation });
  await coordinator.start();
  await eventually('it leads', async () => (await measure()).hasLeader);
  await coordinator.stop();
  expect((await measure()).hasLeader).toBe(false);
});

test('a leader whose lease has run out leads no longer', async () => {
  await db.sql(
    `UPDATE coordinator_lease SET holder = 'c-gone', expires_at = now() - interval '1 millisecond'`,
  );
  expect((await measure()).hasLeader).toBe(false);
});

test('the oldest transaction of this database, one that waits for its client too', async () => {
  const client = new pg.Client(db.connectionString);
  await client.connect();
  try {
    await client.query('BEGIN');
    const { rows } = await client.query<{ ago: number }>('SELECT 1');
    expect(rows).toHaveLength(1);
    await eventually('it is a second old', async () => (await measure()).longestTransactionSeconds > 1);
    await client.query('COMMIT');
    expect((await measure()).longestTransactionSeconds).toBeLessThan(1);
  } finally {
    await client.end();
  }
});

test('sizes and dead rows of the tables that grow', async () => {
  await db.sql(`INSERT INTO jobs (job_type) SELECT 'x' FROM generate_series(1, 500)`);
  await db.sql('DELETE FROM jobs');
  const jobs = await eventually('PostgreSQL has counted the dead rows', async () => {
    const { tables } = await measure();
    return tables.find(({ table, deadRows }) => table === 'jobs' && deadRows >= 500);
  });
  expect(jobs.bytes).toBeGreaterThan(100_000);
  expect((await measure()).tables.map(({ table }) => table)).toEqual([
    'claim_batches',
    'dead_letter_jobs',
    'job_executions',
    'jobs',
  ]);
});

test('measuring reads no row of theirs', async () => {
  const scans = await db.installation.db.transaction(async (tx) => {
    await measureSurroundings(tx);
    const { rows } = await tx.query(
      `SELECT sum(seq_scan + COALESCE(idx_scan, 0)) AS scans FROM pg_stat_xact_user_tables
        WHERE relname IN ('jobs', 'job_executions', 'dead_letter_jobs', 'claim_batches')`,
    );
    return (rows as { scans: unknown }[])[0]?.scans;
  });
  expect(Number(scans)).toBe(0);
});
