import { afterAll, expect, test } from '@jest/globals';
import { createClient } from '../../../shared/client/create-client.js';
import { hasCode } from '../../../shared/errors.js';
import { createWorker } from '../../../workers/create-worker.js';
import { eventually } from '../../support/eventually.js';
import { createTestInstallation } from '../../support/test-installation.js';
import { actJob } from '../../support/test-jobs.js';

/** `RACES=10000 npm test -- races` is the long form. */
const RACES = Number(process.env.RACES ?? 2_000);
const AT_ONCE = 50;
const BATCH = 200;
/** A handler returns at a random moment of these, and its job is cancelled at another. */
const HANDLER_MS = 8;
const CANCEL_MS = 4;

const db = await createTestInstallation();
/** Over connections of its own, as another process would. */
const canceller = await createClient({
  postgres: { connectionString: db.connectionString },
  redis: db.redisUrl === null ? null : { url: db.redisUrl },
});
afterAll(async () => {
  await canceller.close();
  await db.close();
});

const moment = (mostMs: number) => new Promise((resolve) => setTimeout(resolve, Math.random() * mostMs));
type Answer = 'cancelled' | 'already_finished';
const answers = new Map<number, Answer>();

async function cancel(id: number): Promise<void> {
  await moment(CANCEL_MS);
  for (let answer: Answer | undefined; !answer;) {
    try {
      await canceller.cancel(id, 'raced');
      answer = 'cancelled';
    } catch (error) {
      if (hasCode(error, 'already_finished')) answer = 'already_finished';
      else if (!hasCode(error, 'busy')) throw error;
    }
    if (answer) answers.set(id, answer);
  }
}

/** Most are cancelled while they run; every eighth is as soon as it is submitted, when it may not even be claimed. */
const cancels: Promise<void>[] = [];
const isEarly = (id: number) => id % 8 === 0;
const racer = actJob('racer', async (_payload, { jobId }) => {
  if (!isEarly(jobId)) cancels.push(cancel(jobId));
  await moment(HANDLER_MS);
});

test(`of ${RACES} cancels against completions each has one winner, and everybody is told the same`, async () => {
  const settled: number[] = [];
  db.installation.events.on('settled', (outcomes) => settled.push(...outcomes.map(({ id }) => id)));
  const worker = createWorker({ installation: db.installation, jobs: [racer], concurrency: AT_ONCE });
  const client = await createClient(db);
  await worker.start();
  for (let count = 0; count < RACES; count += BATCH) {
    const jobs = await client.submitMany(
      racer,
      Array.from({ length: Math.min(BATCH, RACES - count) }, () => ({})),
    );
    cancels.push(...jobs.filter(({ id }) => isEarly(id)).map(({ id }) => cancel(id)));
    await eventually('all have been cancelled', () => answers.size === count + jobs.length, 60_000);
  }
  await Promise.all(cancels);
  await worker.stop();

  const rows = await db.sql<{ id: number; status: string; attempt: number; ends: string[] }>(`
    SELECT j.id, j.status, j.attempt, array_remove(array_agg(e.attempt || ' ' || e.status), NULL) AS ends
      FROM jobs j LEFT JOIN job_executions e ON e.job_id = j.id GROUP BY j.id ORDER BY j.id`);
  expect(rows).toHaveLength(RACES);
  // An attempt that began is on record once, as what the job became; a job cancelled before has none.
  const isOnRecord = ({ status, attempt, ends }: (typeof rows)[number]) =>
    attempt === 0 ? status === 'cancelled' && ends.length === 0 : ends.join() === `1 ${status}`;
  expect(rows.filter((row) => !isOnRecord(row))).toEqual([]);
  const won = { completed: 'already_finished', cancelled: 'cancelled' } as Record<string, Answer>;
  expect(rows.filter(({ id, status }) => answers.get(id) !== won[status])).toEqual([]);
  const idsOf = (wanted: string) => rows.filter(({ status }) => status === wanted).map(({ id }) => id);
  expect(settled.sort((a, b) => a - b)).toEqual(idsOf('completed'));
  // Else nothing raced.
  const cancelledAsTheyRan = rows.filter(({ status, attempt }) => status === 'cancelled' && attempt === 1);
  expect(cancelledAsTheyRan.length).toBeGreaterThan(RACES / 100);
  expect(settled.length).toBeGreaterThan(RACES / 100);
}, 120_000);
