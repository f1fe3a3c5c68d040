import { afterAll, afterEach, beforeEach, expect, test } from '@jest/globals';
import { createClient } from '../../../shared/client/create-client.js';
import { addDependencies } from '../../../shared/jobs/add-dependencies.js';
import { hasCode } from '../../../shared/errors.js';
import type { Installation } from '../../../shared/installation.js';
import { submitJobs } from '../../../shared/jobs/submit-jobs.js';
import { createWorker } from '../../../workers/create-worker.js';
import { eventually } from '../../support/eventually.js';
import { createTestInstallation } from '../../support/test-installation.js';
import { actJob } from '../../support/test-jobs.js';

const CHILDREN = Number(process.env.CHILDREN ?? 100_000);
const GRAPH_JOBS = Number(process.env.GRAPH_JOBS ?? 10_000);
const MOST_PARENTS = 10;
const RACES = Number(process.env.RACES ?? 5_000);
/** As the client sees it, with what else keeps the machine busy. On a quiet one 1000 holds too: no statement takes a second. */
const LONGEST_STATEMENT_MS = Number(process.env.LONGEST_STATEMENT_MS ?? 5_000);
const MINUTES_MS = 180_000;

const db = await createTestInstallation({ poolSize: 20 });
const client = await createClient(db);
const step = actJob('step', ({ n }) => n);
const workers: { stop(): Promise<void> }[] = [];
beforeEach(() => db.sql('TRUNCATE jobs, job_executions, job_dependencies, claim_batches'));
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.stop()));
});
afterAll(() => db.close());

async function work(count: number, concurrency = 100): Promise<void> {
  const { installation } = db;
  for (let n = 0; n < count; n++) {
    const worker = createWorker({ installation, jobs: [step], concurrency });
    workers.push(worker);
    await worker.start();
  }
}
const completed = (count: number) =>
  eventually(
    `${count} jobs are completed`,
    async () => {
      const [row] = await db.sql<{ n: number }>(`SELECT count(*) AS n FROM jobs WHERE status = 'completed'`);
      return row!.n === count;
    },
    MINUTES_MS,
  );

/** The same installation, and how long the slowest statement took, also of transactions. */
function timed({ db: real, ...rest }: Installation): { installation: Installation; slowestMs: () => number } {
  let slowest = 0;
  const time = async <T>(run: () => Promise<T>): Promise<T> => {
    const startedAt = performance.now();
    return run().finally(() => (slowest = Math.max(slowest, performance.now() - startedAt)));
  };
  const timedDb: Installation['db'] = {
    ...real,
    query: (text, values) => time(() => real.query(text, values)),
    transaction: (act) =>
      real.transaction((tx) => act({ ...tx, query: (text, values) => time(() => tx.query(text, values)) })),
  };
  return { installation: { ...rest, db: timedDb }, slowestMs: () => slowest };
}

test(
  `a parent with ${CHILDREN} children and a job that waits for all of these: no statement takes ${LONGEST_STATEMENT_MS} ms`,
  async () => {
    const { installation, slowestMs } = timed(db.installation);
    const parent = await client.submit(step, { n: 0 });
    const child = { jobType: 'step', payload: { n: 1 }, dependsOn: [{ jobId: parent.id }] };
    const children: number[] = [];
    while (children.length < CHILDREN) {
      const submitted = await submitJobs(
        installation,
        Array.from({ length: 10_000 }, () => child),
      );
      children.push(...submitted.map(({ id }) => id));
    }
    const dependsOn = children.map((jobId) => ({ jobId }));
    const [join] = await submitJobs(installation, [{ jobType: 'step', payload: { n: 2 }, dependsOn }]);
    const worker = createWorker({ installation, jobs: [step], concurrency: 1_000 });
    workers.push(worker);
    await worker.start();
    await completed(children.length + 2);
    const [last] = await db.sql<{ id: number }>(
      'SELECT job_id AS id FROM job_executions ORDER BY started_at DESC LIMIT 1',
    );
    expect(last!.id).toBe(join!.id);
    expect(slowestMs()).toBeLessThan(LONGEST_STATEMENT_MS);
  },
  MINUTES_MS,
);

test(
  `a random graph of ${GRAPH_JOBS} jobs with five parents on average, submitted while four workers run it, keeps every order`,
  async () => {
    await work(4);
    const ids: number[] = [];
    while (ids.length < GRAPH_JOBS) {
      const jobs = Array.from({ length: 250 }, (_one, n) => ({
        jobType: 'step',
        payload: { n },
        dependsOn: pickParents(ids),
      }));
      ids.push(...(await submitJobs(db.installation, jobs)).map(({ id }) => id));
    }
    await completed(GRAPH_JOBS);
    const [edges] = await db.sql<{ total: number; broken: number; twice: number }>(
      `SELECT count(*) AS total, count(*) FILTER (WHERE c.started_at < p.finished_at) AS broken,
              (SELECT count(*) - count(DISTINCT job_id) FROM job_executions) AS twice
         FROM job_dependencies d JOIN job_executions p ON p.job_id = d.depends_on_job_id
         JOIN job_executions c ON c.job_id = d.job_id`,
    );
    expect(edges!.total).toBeGreaterThan(4 * GRAPH_JOBS);
    expect(edges).toMatchObject({ broken: 0, twice: 0 });
  },
  MINUTES_MS,
);

/** Up to ten, five on average, of the last thousand: some are done by then, most are not. */
function pickParents(ids: readonly number[]): { jobId: number }[] {
  const recent = ids.slice(-1_000);
  if (recent.length === 0) return [];
  const count = Math.floor(Math.random() * (MOST_PARENTS + 1));
  const picked = new Set(
    Array.from({ length: count }, () => recent[Math.floor(Math.random() * recent.length)]!),
  );
  return [...picked].map((jobId) => ({ jobId }));
}

test(
  `of ${RACES} dependencies that are added while their parent completes none leaves a job blocked`,
  async () => {
    await work(2, 50);
    let late = 0;
    for (let count = 0; count < RACES; count += 100) {
      const children = await client.submitMany(
        step,
        Array.from({ length: 100 }, () => ({ n: 0 })),
        {
          delayMs: 3_600_000,
        },
      );
      const parents = await client.submitMany(
        step,
        Array.from({ length: 100 }, () => ({ n: 1 })),
      );
      await Promise.all(
        children.map(async ({ id }, n) => {
          for (;;) {
            try {
              return await addDependencies(db.installation, id, [{ jobId: parents[n]!.id }]);
            } catch (error) {
              if (!hasCode(error, 'busy')) throw error;
              late++;
            }
          }
        }),
      );
    }
    const blocked = await eventually('all parents are completed, and no child waits for one', async () => {
      const [row] = await db.sql<{ blocked: number; running: number }>(
        `SELECT count(*) FILTER (WHERE unmet_dependencies > 0) AS blocked,
                count(*) FILTER (WHERE completed_at IS NULL AND scheduled_at IS NULL) AS running FROM jobs`,
      );
      return row!.running === 0 && row!.blocked === 0 && [row];
    });
    expect(blocked).toHaveLength(1);
    expect(late).toBeLessThan(RACES);
    const [edges] = await db.sql('SELECT count(*) AS n FROM job_dependencies WHERE satisfied_at IS NOT NULL');
    expect(edges).toEqual({ n: Math.ceil(RACES / 100) * 100 });
  },
  MINUTES_MS,
);
