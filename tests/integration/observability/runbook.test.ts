import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { packageRoot } from '../../../shared/package-root.js';
import { createTestInstallation, type TestInstallation } from '../../support/test-installation.js';
import { readRules } from './deployed-files.js';

const runbook = readFileSync(join(packageRoot, 'docs', 'runbook.md'), 'utf8');
/** Each with its text, down to the next one. */
const headings = runbook
  .split(/^## /m)
  .slice(1)
  .map((text) => ({ name: text.slice(0, text.indexOf('\n')), text }));

test('every alert has its heading, where its runbook_url leads, and no heading is left over', () => {
  const rules = readRules();
  expect(headings.map(({ name }) => name).sort()).toEqual(rules.map(({ name }) => name).sort());
  for (const { name, runbookUrl } of rules) expect(runbookUrl.endsWith(`#${name.toLowerCase()}`)).toBe(true);
});

test.each(headings.map(({ name, text }) => [name, text]))(
  '%s: what it means, how to see it, what to do, when to call somebody',
  (_name, text) => {
    for (const part of ['**Meaning.**', '**See it.**', '**Do.**', '**Escalate**'])
      expect(text).toContain(part);
    expect(text).toMatch(/^```(sh|sql)$/m);
  },
);

test('the table at the top has each alert with its severity', () => {
  const lines = [...runbook.matchAll(/^\| \[(\w+)\]\(#(\w+)\) \| (\w+) \|/gm)].map(
    ([, name, anchor, severity]) => ({ name, anchor, severity }),
  );
  expect(lines).toEqual(
    headings.map(({ name }) => ({
      name,
      anchor: name.toLowerCase(),
      severity: readRules().find((rule) => rule.name === name)?.severity,
    })),
  );
});

test('links lead somewhere', () => {
  const anchors = headings.map(({ name }) => `#${name.toLowerCase()}`);
  for (const [, target = ''] of runbook.matchAll(/\]\(([^)]+)\)/g)) {
    if (target.startsWith('#')) expect(anchors).toContain(target);
    else expect(() => readFileSync(join(packageRoot, 'docs', target))).not.toThrow();
  }
});

const statements = headings.flatMap(({ name, text }) =>
  [...text.matchAll(/^```sql\n([^]*?)^```$/gm)]
    .flatMap(([, block = '']) => block.split(/;\n/))
    .filter((statement) => statement.trim() !== '')
    .map((statement, index) => [`${name} ${index + 1}`, statement] as const),
);

/** What only finds something while somebody holds a lock or a transaction, for a minute at least. */
const NEEDS_TROUBLE = /pg_prepared_xacts|pg_locks|FROM pg_stat_activity\n? *WHERE (datname|pid)/;

const TROUBLES = `
  INSERT INTO workers (id, hostname, pid, version, queues, job_types, concurrency, dead_after_ms, last_seen_at, dead_at) VALUES
    ('w-alive', 'h', 1, '1.0.0', '{default}', '{mail}', 5, 10000, now(), NULL),
    ('w-dead', 'h', 2, '1.0.0', '{default}', '{mail}', 5, 10000, now() - interval '5 minutes', now() - interval '4 minutes');
  INSERT INTO jobs (id, job_type, status, queue, created_at, started_at, attempt, worker_id, lost_count) VALUES
    (1, 'mail', 'pending', 'default', now() - interval '10 minutes', NULL, 0, NULL, 0),
    (2, 'mail', 'running', 'default', now() - interval '9 minutes', now() - interval '20 seconds', 2, 'w-alive', 1),
    (3, 'mail', 'failed', 'default', now() - interval '8 minutes', now() - interval '30 seconds', 1, 'w-alive', 0),
    (4, 'mail', 'completed', 'default', now() - interval '7 minutes', now() - interval '10 seconds', 1, 'w-alive', 0);
  INSERT INTO claim_batches (worker_id, batch_no, job_ids) VALUES ('w-alive', 1, '{2}');
  INSERT INTO job_executions (job_id, attempt, worker_id, status, started_at, finished_at, duration_ms, error_class, error_message) VALUES
    (2, 1, 'w-dead', 'lost', now() - interval '5 minutes', now() - interval '4 minutes', 60000, 'lost', 'the worker died'),
    (3, 1, 'w-alive', 'failed', now() - interval '30 seconds', now() - interval '29 seconds', 900, 'permanent', 'no such address'),
    (4, 1, 'w-alive', 'completed', now() - interval '10 seconds', now() - interval '9 seconds', 1000, NULL, NULL);
  INSERT INTO dead_letter_jobs (id, job_id, queue, job_type, payload, error_class, error_message, fingerprint, attempts, reason)
  VALUES (7, 3, 'default', 'mail', '{}', 'permanent', 'no such address', '0f3a9c51', 1, 'permanent');
  INSERT INTO queues (name, paused_at) VALUES ('mail', now());
  INSERT INTO job_schedules (name, job_type, cron_expression, next_run_at) VALUES ('nightly', 'mail', '0 3 * * *', now() - interval '1 hour');`;

describe('its SQL, as it stands, finds what it is for:', () => {
  let db: TestInstallation;
  beforeAll(async () => {
    db = await createTestInstallation({ redis: false });
    for (const statement of TROUBLES.split(';\n')) await db.sql(statement);
  });
  afterAll(() => db.close());

  test.each(statements)('%s', async (_name, statement) => {
    const rows = await db.sql(statement);
    if (!NEEDS_TROUBLE.test(statement)) expect(rows.length).toBeGreaterThan(0);
  });
});
