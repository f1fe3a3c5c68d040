import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { z } from 'zod';
import { createClient, type Client } from '../../shared/client/create-client.js';
import { defineJob } from '../../shared/jobs/define-job.js';
import { createWorker } from '../../workers/create-worker.js';
import { createTestInstallation, type TestInstallation } from '../support/test-installation.js';

let it: TestInstallation;
let client: Client;
beforeAll(async () => {
  it = await createTestInstallation();
  client = await createClient(it);
});
afterAll(() => it.close());

const double = defineJob({
  type: 'double',
  payload: z.object({ value: z.number() }),
  run: ({ value }) => ({ doubled: value * 2 }),
});

test('a submitted job is run and its result awaited', async () => {
  const worker = createWorker({ installation: it.installation, jobs: [double], concurrency: 20 });
  await worker.start();
  try {
    const { id } = await client.submit(double, { value: 21 });
    expect(await client.result(id)).toEqual({ doubled: 42 });
    const many = await client.submitMany(
      double,
      Array.from({ length: 100 }, (_, value) => ({ value })),
    );
    expect(await Promise.all(many.map((job) => client.result(job.id)))).toHaveLength(100);
    expect(await it.sql('SELECT status, count(*) FROM job_executions GROUP BY 1')).toEqual([
      { status: 'completed', count: 101 },
    ]);
  } finally {
    await worker.stop();
  }
});
