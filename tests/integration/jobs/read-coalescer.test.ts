import { afterAll, expect, test } from '@jest/globals';
import { ReadCoalescer } from '../../../shared/jobs/read-coalescer.js';
import { submitJobs } from '../../../shared/jobs/submit-jobs.js';
import { counted, withQuery } from '../../support/spied-queries.js';
import { createTestInstallation, type TestInstallation } from '../../support/test-installation.js';

const db: TestInstallation = await createTestInstallation({ redis: false });
afterAll(() => db.close());

const submitted = await submitJobs(
  db.installation,
  Array.from({ length: 120 }, (_, n) => ({ jobType: 'mail', payload: { n } })),
);

test('looks at the same time share few statements, and each gets its own job', async () => {
  const { db: spied, statements } = counted(db.installation.db);
  const reader = new ReadCoalescer(spied);
  const jobs = await Promise.all(submitted.map(({ id }) => reader.read(id)));
  expect(jobs.map((job) => job?.payload)).toEqual(submitted.map((_, n) => ({ n })));
  expect(statements()).toBe(3);
});

test('a job asked for twice is given to both, one that does not exist is null', async () => {
  const reader = new ReadCoalescer(db.installation.db);
  const id = submitted[5]!.id;
  const [one, other, missing] = await Promise.all([reader.read(id), reader.read(id), reader.read(999_999)]);
  expect(one).toMatchObject({ id, status: 'pending', state: 'ready' });
  expect(other).toEqual(one);
  expect(missing).toBeNull();
});

test('what goes wrong is told to all who asked, and the next look works', async () => {
  let isBroken = true;
  const spied = withQuery(db.installation.db, (run, text, values) =>
    isBroken ? Promise.reject(new Error('broken')) : run(text, values),
  );
  const reader = new ReadCoalescer(spied);
  const answers = await Promise.allSettled(submitted.slice(0, 3).map(({ id }) => reader.read(id)));
  expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  isBroken = false;
  expect(await reader.read(submitted[0]!.id)).toMatchObject({ payload: { n: 0 } });
});
