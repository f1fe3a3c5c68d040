import { afterAll, expect, test } from '@jest/globals';
import { readWithin } from '../../../shared/jobs/read-within.js';
import { createTestInstallation } from '../../support/test-installation.js';

const db = await createTestInstallation({ redis: false, poolSize: 3 });
afterAll(() => db.close());

/** Waits for what another transaction holds. */
const slow = (mostMs: number) =>
  readWithin(db.installation.db, mostMs, 'SELECT 1 FROM jobs FOR UPDATE').catch((error: unknown) => error);

test('slow questions leave connections to everybody else, and do not wait for ever', async () => {
  await db.sql(`INSERT INTO jobs (job_type) VALUES ('held')`);
  const questions = await db.installation.db.transaction(async (tx) => {
    await tx.query('SELECT 1 FROM jobs FOR UPDATE');
    const asked = [slow(1_500), slow(500), slow(500)];
    // Two connections of three are taken.
    for (let n = 0; n < 20; n++) expect(await db.sql('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    return { asked, answers: await Promise.all(asked) };
  });
  expect(questions.answers.map((error) => (error as { code?: string }).code)).toEqual([
    'timeout',
    'overloaded',
    'overloaded',
  ]);
  expect(await slow(1_000)).toEqual([{ '?column?': 1 }]);
});
