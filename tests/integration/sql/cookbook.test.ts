import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { packageRoot } from '../../../shared/package-root.js';
import { createTestInstallation } from '../../support/test-installation.js';

/** Each query of docs/sql-cookbook.md, in the order of the page, against rows that it is about. */
const page = readFileSync(join(packageRoot, 'docs', 'sql-cookbook.md'), 'utf8');
const recipes = [...page.matchAll(/### (.+)\n((?:\n```sql\n[^`]+```\n)+)/g)].flatMap(
  ([, title = '', blocks = '']) =>
    [...blocks.matchAll(/```sql\n([^`]+)```/g)].map(([, sql = '']) => ({ title, sql })),
);
/** Their rows are there only while something is wrong. */
const OF_RARE_THINGS = ['Who keeps a transaction open?'];

const db = await createTestInstallation();
afterAll(() => db.close());

beforeAll(async () => {
  await db.sql(`
    INSERT INTO workers (id, hostname, pid, version, queues, job_types, concurrency, dead_after_ms)
    VALUES ('w-1', 'host', 1, '1.0.0', '{default}', '{welcome}', 10, 10000)`);
  await db.sql(`
    INSERT INTO jobs (id, job_type, status, attempt, worker_id, started_at, error_class, error_message, created_at, scheduled_at) VALUES
      (40, 'welcome', 'completed', 1, 'w-1', now(), NULL, NULL, now() - interval '1 minute', NULL),
      (41, 'welcome', 'failed', 1, 'w-1', now(), 'timeout', 'too slow', now() - interval '1 minute', NULL),
      (42, 'welcome', 'pending', 0, NULL, NULL, NULL, NULL, now(), NULL),
      (43, 'welcome', 'pending', 0, NULL, NULL, NULL, NULL, now(), now() + interval '5 minutes'),
      (44, 'welcome', 'running', 1, 'w-1', now(), NULL, NULL, now(), NULL),
      (45, 'reindex', 'pending', 0, NULL, NULL, NULL, NULL, now() - interval '1 minute', NULL)`);
  await db.sql(`SELECT setval(pg_get_serial_sequence('jobs', 'id'), 1000)`);
  await db.sql('INSERT INTO job_dependencies (job_id, depends_on_job_id) VALUES (42, 41), (42, 43)');
  await db.sql(`INSERT INTO claim_batches (worker_id, batch_no, job_ids) VALUES ('w-1', 1, '{44}')`);
  await db.sql(`
    INSERT INTO job_executions (job_id, attempt, worker_id, status, started_at, duration_ms, error_class) VALUES
      (40, 1, 'w-1', 'completed', now(), 12, NULL), (41, 1, 'w-1', 'timed_out', now(), 12, 'timeout'),
      (42, 1, 'w-1', 'lost', now(), 12, 'lost')`);
  await db.sql(`
    INSERT INTO dead_letter_jobs (id, job_id, queue, job_type, payload, fingerprint, attempts, reason)
    VALUES (7, 41, 'default', 'welcome', '{}', '0123456789abcdef', 1, 'max_retries')`);
  await db.sql(`
    INSERT INTO job_schedules (id, name, job_type, interval_ms, next_run_at) VALUES (1, 'hourly', 'welcome', 3600000, now())`);
  await db.sql(
    `INSERT INTO job_schedule_fires (schedule_id, fire_at, outcome, missed, missed_until) VALUES (1, now(), 'misfired', 1, now())`,
  );
});

test('the page has its recipes', () => {
  expect(recipes.length).toBeGreaterThanOrEqual(20);
});

test.each(recipes)('$title', async ({ title, sql }) => {
  const rows = await db.installation.db
    .transaction(async (tx) => {
      throw Object.assign(new Error('rolled back'), { rows: (await tx.query(sql)).rows });
    })
    .catch((error: unknown) => {
      const { rows: found } = error as { rows?: unknown[] };
      if (found === undefined) throw error;
      return found;
    });
  const writes = /^\s*(INSERT|UPDATE)/.test(sql);
  if (!writes && !OF_RARE_THINGS.includes(title)) expect(rows).not.toEqual([]);
});
