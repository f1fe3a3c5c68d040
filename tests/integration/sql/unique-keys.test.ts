import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createTestInstallation, type TestInstallation } from '../../support/test-installation.js';

/** What runs a failed job again, when its unique key meanwhile belongs to another one. By plain SQL. */
const db: TestInstallation = await createTestInstallation({ redis: false });
afterAll(() => db.close());
beforeEach(() =>
  db.sql('TRUNCATE jobs, job_executions, job_dependencies, dead_letter_jobs RESTART IDENTITY'),
);

const insert = async (status: string, uniqueKey: string | null) =>
  (
    await db.sql<{ id: number }>(
      `INSERT INTO jobs (job_type, status, unique_key) VALUES ('report', $1::job_status, $2) RETURNING id`,
      [status, uniqueKey],
    )
  )[0]!.id;
const retryFailed = async () => (await db.sql<{ n: number }>('SELECT retry_failed_jobs(1000) AS n'))[0]!.n;
const pending = async () =>
  (await db.sql<{ id: number }>(`SELECT id FROM jobs WHERE status = 'pending' ORDER BY id`)).map(
    ({ id }) => id,
  );

describe('retry_failed_jobs', () => {
  test('leaves out a job whose unique key an unfinished job has, and counts only the others', async () => {
    await insert('failed', 'taken');
    const plain = await insert('failed', null);
    const keyed = await insert('failed', 'free');
    const owner = await insert('pending', 'taken');
    expect(await retryFailed()).toBe(2);
    expect(await pending()).toEqual([plain, keyed, owner]);
  });

  test('of several failed jobs with the same unique key runs the oldest', async () => {
    const first = await insert('failed', 'same');
    await insert('failed', 'same');
    expect(await retryFailed()).toBe(1);
    expect(await pending()).toEqual([first]);
    expect(await retryFailed()).toBe(0);
  });

  test('leaves out a job whose key is taken while it looks', async () => {
    await insert('failed', 'race');
    const plain = await insert('failed', null);
    let retried: Promise<number> | undefined;
    let twin = 0;
    await db.installation.db.transaction(async (tx) => {
      const { rows } = await tx.query(
        `INSERT INTO jobs (job_type, unique_key) VALUES ('report', 'race') RETURNING id`,
      );
      twin = (rows[0] as { id: number }).id;
      retried = retryFailed();
      // It does not see the twin, and waits for it at the write.
      for (;;) {
        const waiting = await tx.query(
          `SELECT 1 FROM pg_stat_activity WHERE query LIKE '%retry_failed_jobs%' AND wait_event_type = 'Lock'`,
        );
        if (waiting.rows.length > 0) break;
        await tx.query('SELECT pg_stat_clear_snapshot()');
      }
    });
    expect(await retried).toBe(1);
    expect(await pending()).toEqual([plain, twin]);
  });
});

describe('replay_dead_letter', () => {
  test('says whose unique key is in the way, and works when that job has finished', async () => {
    const failed = await insert('failed', 'sync');
    await db.sql(
      `INSERT INTO dead_letter_jobs (job_id, queue, job_type, payload, fingerprint, attempts, reason)
       VALUES ($1, 'default', 'report', '{}', 'f', 1, 'permanent')`,
      [failed],
    );
    const other = await insert('pending', 'sync');
    await expect(db.sql('SELECT replay_dead_letter(1)')).rejects.toMatchObject({
      message: `dead letter 1 cannot be replayed: job ${other} is not finished and has the unique key of its job ${failed}`,
      kind: 'constraint',
      constraint: 'jobs_unique_key',
    });
    expect(await db.sql('SELECT status FROM dead_letter_jobs')).toEqual([{ status: 'open' }]);
    await db.sql(`UPDATE jobs SET status = 'completed', completed_at = now() WHERE id = $1`, [other]);
    expect(await db.sql('SELECT replay_dead_letter(1) AS id')).toEqual([{ id: failed }]);
    expect(await pending()).toEqual([failed]);
  });
});
