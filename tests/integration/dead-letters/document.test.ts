import { afterAll, expect, test } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { fileDeadJobs } from '../../support/dead-jobs.js';
import { createTestInstallation, type TestInstallation } from '../../support/test-installation.js';

/** docs/dead-letters.md is read when something is on fire: what it says to type must work. */
const db: TestInstallation = await createTestInstallation({ redis: false });
afterAll(() => db.close());

test('every SQL statement of the document runs, and finds what it is about', async () => {
  const document = await readFile('docs/dead-letters.md', 'utf8');
  const blocks = [...document.matchAll(/```sql\n([\s\S]*?)```/g)].map(([, block]) => block ?? '');
  const statements = blocks.flatMap((block) => block.split(/;\s*$/m)).filter((text) => text.trim() !== '');
  expect(statements.length).toBeGreaterThan(8);
  for (const statement of statements) {
    await db.sql('TRUNCATE jobs, job_executions, job_dependencies, dead_letter_jobs RESTART IDENTITY');
    await fileDeadJobs(db, 41);
    await fileDeadJobs(db, 1, { queue: 'mail', jobType: 'newsletter' });
    expect([statement, (await db.sql(statement)).length > 0]).toEqual([statement, true]);
  }
});
