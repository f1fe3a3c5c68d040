import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createEventHub } from '../../../shared/observe/events.js';
import { Coordinator } from '../../../workers/coordinator/coordinator.js';
import { createWorker } from '../../../workers/create-worker.js';
import { eventually } from '../../support/eventually.js';
import { forkWorker, type ForkedProcess, type Said } from '../../support/fork-worker.js';
import { createTestInstallation } from '../../support/test-installation.js';
import { actJob } from '../../support/test-jobs.js';

/** Many coordinators and one installation: one leads at a time, whoever goes, and what is due runs once. */
const db = await createTestInstallation({ poolSize: 20 });
const DUE = 400;
const WITHIN_MS = 3_000;

/** Who led when: `gone` is a resignation, the end of its process, or that it was told to stop. */
type Chapter =
  { readonly who: number; readonly term: number } | { readonly who: number; readonly term: 'gone' };
let story: Chapter[];
let coordinators: Coordinator[];
let processes: ForkedProcess[];
let runs: number;

const due = actJob('due', () => {
  runs++;
});
// It looks into PostgreSQL once at first, and then only takes what coordinators push.
const createDueWorker = () =>
  createWorker({ installation: db.installation, jobs: [due], concurrency: 50, pollIntervalMs: 3_600_000 });
let worker = createDueWorker();

beforeEach(async () => {
  [story, coordinators, processes, runs] = [[], [], [], 0];
  await db.sql('TRUNCATE jobs, job_executions, job_dependencies, claim_batches, workers');
  worker = createDueWorker();
  await worker.start();
});
afterEach(async () => {
  for (const one of coordinators) await one.stop();
  for (const one of processes) await one.kill();
  await worker.stop();
});
afterAll(() => db.close());

function createCoordinator(who: number): Coordinator {
  const events = createEventHub();
  events.on('leading', ({ term }) => story.push({ who, term }));
  events.on('leadershipLost', ({ reason }) => {
    if (reason !== 'stopping') story.push({ who, term: 'gone' });
  });
  coordinators[who] = new Coordinator({ installation: { ...db.installation, events } });
  return coordinators[who];
}

async function forkCoordinator(who: number): Promise<ForkedProcess> {
  const forked = await forkWorker('coordinator-process', db);
  processes.push(forked);
  forked.child.on('message', ({ event, term }: Said) =>
    story.push({ who, term: event === 'leading' ? term! : 'gone' }),
  );
  forked.child.once('exit', () => story.push({ who, term: 'gone' }));
  return forked;
}

const submitDue = () =>
  db.sql(
    `INSERT INTO jobs (job_type, scheduled_at)
     SELECT 'due', now() + random() * $1 * interval '1 millisecond' FROM generate_series(1, $2)`,
    [WITHIN_MS, DUE],
  );
const completed = async (count: number) =>
  eventually(`${count} are completed`, async () => {
    const [row] = await db.sql<{ n: number }>(`SELECT count(*) AS n FROM jobs WHERE status = 'completed'`);
    return row!.n >= count;
  });
const leader = () =>
  eventually('one leads', () => {
    const last = story.at(-1);
    return last && last.term !== 'gone' ? last : undefined;
  });

/** Two never led at once, and no term was led twice. */
function checkStory(): void {
  const terms = story.flatMap(({ term }) => (term === 'gone' ? [] : [term]));
  expect(terms).toEqual([...new Set(terms)].sort((a, b) => a - b));
  expect(story.map(({ term }) => term === 'gone')).toEqual(story.map((_, index) => index % 2 === 1));
  for (let index = 1; index < story.length; index += 2) expect(story[index]!.who).toBe(story[index - 1]!.who);
}

async function checkJobs(): Promise<void> {
  await completed(DUE);
  expect(runs).toBe(DUE);
  expect(
    await db.sql(
      `SELECT status, attempt, count(*) AS n, count(DISTINCT job_id) AS jobs FROM job_executions GROUP BY 1, 2`,
    ),
  ).toEqual([{ status: 'completed', attempt: 1, n: DUE, jobs: DUE }]);
  expect(await db.sql('SELECT id FROM jobs WHERE started_at < scheduled_at')).toEqual([]);
}

describe('of ten coordinators that start together one leads, and every due job runs once, also when the leader', () => {
  test('stops, and the next one too', async () => {
    await submitDue();
    await Promise.all(Array.from({ length: 10 }, (_, who) => createCoordinator(who).start()));
    for (const share of [DUE / 4, DUE / 2]) {
      const { who } = await leader();
      await completed(share);
      // From now on another one may lead, although this one has duties to end: all are safe when done twice.
      story.push({ who, term: 'gone' });
      await coordinators[who]!.stop();
    }
    await leader();
    await checkJobs();
    expect(story).toHaveLength(5);
    checkStory();
  });

  test('is killed', async () => {
    // The one that is to die leads first; the others stand by from the start.
    const doomed = await forkCoordinator(9);
    doomed.child.send('start');
    expect(await leader()).toMatchObject({ who: 9 });
    await submitDue();
    await Promise.all(Array.from({ length: 9 }, (_, who) => createCoordinator(who).start()));
    await completed(DUE / 4);
    await doomed.kill();
    expect((await leader()).who).toBeLessThan(9);
    await checkJobs();
    checkStory();
  });
});
