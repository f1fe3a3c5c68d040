import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createClient } from '../../../shared/client/create-client.js';
import { createWorker } from '../../../workers/create-worker.js';
import { createTestInstallation } from '../../support/test-installation.js';
import { actJob } from '../../support/test-jobs.js';

const db = await createTestInstallation();
const { installation } = db;
const client = await createClient({ installation });
const give = actJob('give', ({ value }) => value);
const complete = actJob('complete', async ({ value }, ctx) => {
  await installation.db.transaction((tx) => ctx.complete(tx, value));
});
const worker = createWorker({ installation, jobs: [give, complete], pollIntervalMs: 100 });
beforeAll(() => worker.start());
afterAll(async () => {
  await worker.stop();
  await db.close();
});

test.each([null, undefined, 0, false, '', [null], { a: null }])(
  'a handler that returns, or completes with, %p gives just that',
  async (value) => {
    for (const job of [give, complete]) {
      const { id } = await client.submit(job, { value });
      expect(await client.result(id)).toStrictEqual(value);
    }
  },
);
