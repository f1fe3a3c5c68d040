import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createTestInstallation, type TestInstallation } from '../../support/test-installation.js';
import { startApi, type ApiServer } from './test-api.js';

/** How large a payload may be, where the body of the request may be larger. */
let db: TestInstallation;
let api: ApiServer;
beforeAll(async () => {
  db = await createTestInstallation({ redis: false });
  api = await startApi({ ...db.installation, jobDefaults: { maxPayloadBytes: 2_000 } });
});
afterAll(async () => {
  await api.stop();
  await db.close();
});

const SMALL = { job_type: 'greet', payload: { name: 'Ada' } };
const LARGE = { job_type: 'greet', payload: { text: 'x'.repeat(2_000) } };
const count = async () => (await db.sql<{ n: number }>('SELECT count(*) AS n FROM jobs'))[0]!.n;
const problem = expect.stringContaining('is 2011 bytes of JSON, more than the limit of 2000');

test('a payload over the limit is 400 and names the field, alone among a hundred at once', async () => {
  const before = await count();
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, n) => api.post('/api/jobs', n === 50 ? LARGE : SMALL)),
  );
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(99);
  expect(answers[50]).toMatchObject({
    status: 400,
    body: { code: 'validation_failed', error: problem, details: [{ field: 'payload', problem }] },
  });
  expect(await count()).toBe(before + 99);
});

test('in a batch it is said which, and nothing is stored', async () => {
  const before = await count();
  for (const key of [{}, { unique_key: 'u' }]) {
    const jobs = [SMALL, { ...SMALL, ...key }, { ...SMALL, metadata: LARGE.payload }];
    expect(await api.post('/api/jobs/batch', { jobs })).toMatchObject({
      status: 400,
      body: { code: 'validation_failed', details: [{ field: 'jobs.2.metadata', problem }] },
    });
  }
  expect(await count()).toBe(before);
});
