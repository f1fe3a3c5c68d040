import { afterAll, afterEach, expect, test } from '@jest/globals';
import { z } from 'zod';
import { createClient, type SubmitOptions } from '../../../shared/client/create-client.js';
import { defineJob } from '../../../shared/jobs/define-job.js';
import { counted } from '../../support/spied-queries.js';
import { createTestInstallation } from '../../support/test-installation.js';

const db = await createTestInstallation({ redis: false });
const { db: spied, statements } = counted(db.installation.db);
const client = await createClient({ installation: { ...db.installation, db: spied } });
const job = defineJob({ type: 'echo', payload: z.object({ n: z.number() }), run: () => undefined });
afterEach(() => db.sql('TRUNCATE jobs, job_executions, job_dependencies'));
afterAll(() => db.close());

const refused = (...fields: string[]) => ({
  name: 'HoldfastError',
  code: 'validation_failed',
  details: fields.map((field) => ({ field, problem: expect.stringMatching(/^must /) })),
});

test.each<[object, string[]]>([
  [{ scheduledAt: new Date(NaN) }, ['scheduledAt']],
  [{ delayMs: -5, priority: 500 }, ['delayMs', 'priority']],
  [{ dependsOn: [999] }, ['dependsOn.0.jobId']],
])('a submit with %j is refused before anything is sent', async (given, fields) => {
  const options = given as SubmitOptions;
  const tx = { query: () => Promise.reject(new Error('was asked')) };
  const before = statements();
  await expect(client.submit(job, { n: 1 }, options)).rejects.toMatchObject(refused(...fields));
  await expect(client.submit(job, { n: 1 }, { ...options, tx })).rejects.toMatchObject(refused(...fields));
  const many = [{ n: 1 }, { n: 2 }];
  await expect(client.submitMany(job, many, options)).rejects.toMatchObject(refused(...fields));
  await expect(client.submitMany(job, many, { ...options, tx })).rejects.toMatchObject(refused(...fields));
  await expect(client.submitMany(job, [], options)).rejects.toMatchObject(refused(...fields));
  expect(statements()).toBe(before);
});

test.each([NaN, 'x', 0, -1, 1.5, null, undefined, 2 ** 53])('%p is no job’s id', async (given) => {
  const id = given as number;
  const before = statements();
  const { id: other } = await client.submit(job, { n: 1 });
  // Read together with a good one, which must not suffer.
  const looks = await Promise.allSettled([client.get(id), client.get(other)]);
  expect(looks).toMatchObject([{ reason: refused('jobId') }, { value: { id: other } }]);
  await expect(client.result(id)).rejects.toMatchObject(refused('jobId'));
  await expect(client.cancel(id)).rejects.toMatchObject(refused('jobId'));
  await expect(client.addDependencies(id, [{ jobId: 1 }])).rejects.toMatchObject(refused('jobId'));
  const depend = client.addDependencies(other, [{ jobId: 1 }, { jobId: id }]);
  await expect(depend).rejects.toMatchObject(refused('dependsOn.1.jobId'));
  expect(statements()).toBe(before + 2);
});

test('a wait for NaN milliseconds is refused: it would never end', async () => {
  await expect(client.result(1, { timeoutMs: NaN })).rejects.toMatchObject(refused('timeoutMs'));
});
