import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { claimJobs } from '../../../shared/jobs/claim-jobs.js';
import { claimReady } from '../../../shared/jobs/claim-ready.js';
import type { ClaimedJob } from '../../../shared/jobs/claimed-job.js';
import { registerWorker } from '../../../shared/workers/registry.js';
import { createTestInstallation, type TestInstallation } from '../../support/test-installation.js';

/** What a claim tells of a job: usual values do not cross the wire, and must be there all the same. */
let db: TestInstallation;
beforeAll(async () => {
  db = await createTestInstallation({ redis: false });
  const worker = { queues: ['default'], jobTypes: ['t'], concurrency: 5, deadAfterMs: 60_000 };
  await registerWorker(db.installation.db, 'w-1', worker);
});
afterAll(() => db.close());

const request = (batchNo: number) => ({
  workerId: 'w-1',
  batchNo,
  jobTypes: ['t'],
  mayClaimSuspect: true,
});
const byIds = async (ids: readonly number[]) => claimJobs(db.installation.db, ids, request(1));
const bySearch = (queue: string, batchNo: number) =>
  claimReady(db.installation.db, { queue, count: 1, readyForMs: 0 }, request(batchNo));

const USUAL = `INSERT INTO jobs (job_type) VALUES ('t') RETURNING id`;
const UNUSUAL = `
  INSERT INTO jobs (job_type, queue, priority, payload, metadata, attempt, retry_count, max_retries, timeout_ms, lost_count)
  VALUES ('t', 'other', 7, '[1, null]', '{"a": "ü"}', 4, 2, 0, 1, 1) RETURNING id`;

async function submit(sql: string): Promise<number> {
  return (await db.sql<{ id: number }>(sql))[0]!.id;
}

const usual = (id: number): Partial<ClaimedJob> => ({
  id,
  attempt: 1,
  jobType: 't',
  queue: 'default',
  priority: 50,
  payload: {},
  metadata: null,
  retryCount: 0,
  maxRetries: 3,
  timeoutMs: 300_000,
  lostCount: 0,
  waitMs: expect.any(Number) as unknown as number,
});
const unusual = (id: number): Partial<ClaimedJob> => ({
  ...usual(id),
  attempt: 5,
  queue: 'other',
  priority: 7,
  payload: [1, null],
  metadata: { a: 'ü' },
  retryCount: 2,
  maxRetries: 0,
  timeoutMs: 1,
  lostCount: 1,
});

test('a claim by ids tells usual and unusual values', async () => {
  const ids = [await submit(USUAL), await submit(UNUSUAL)] as const;
  const claimed = await byIds(ids);
  expect(claimed.sort((a, b) => a.id - b.id)).toEqual([
    { ...usual(ids[0]), batchNo: 1 },
    { ...unusual(ids[1]), batchNo: 1 },
  ]);
});

test.each([
  ['default', 2, USUAL, usual],
  ['other', 3, UNUSUAL, unusual],
] as const)('a claim by search in %s tells the same', async (queue, batchNo, sql, expected) => {
  const id = await submit(sql);
  expect(await bySearch(queue, batchNo)).toEqual([{ ...expected(id), batchNo }]);
});
