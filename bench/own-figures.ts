import { measureDrain, type Drain } from './measures/drain.js';
import { measureLateness } from './measures/due.js';
import { measurePickUp } from './measures/pick-up.js';
import { measureBulkSubmit, measureSingleSubmits } from './measures/submit.js';
import type { OwnHome } from './own-home.js';
import { inOneCell, median, type Latency } from './statistics.js';

const JOBS = 100_000;
const CONCURRENCY = 1_000;

export interface OwnOptions {
  readonly repetitions: number;
  /** Jobs that wait behind the drained ones; 0 leaves the measure out. */
  readonly backlog: number;
  readonly say: (line: string) => void;
}

interface Repetition {
  readonly bulk: number;
  readonly drain: Drain;
  readonly drainOfTwo: Drain;
  readonly single: number;
  readonly pickUp: Latency;
}

/** What Holdfast alone does: rows of name and figure, medians of the repetitions. */
export async function measureOwn(home: OwnHome, options: OwnOptions): Promise<[string, string | number][]> {
  const repetitions: Repetition[] = [];
  for (let number = 1; number <= options.repetitions; number++) {
    const one = await repeatOnce(home);
    repetitions.push(one);
    options.say(`repetition ${number} of ${options.repetitions}: ${JSON.stringify(one)}`);
  }
  const medianOf = (pick: (one: Repetition) => number) => median(repetitions.map(pick));
  const pickUp = (key: keyof Latency) => medianOf((one) => one.pickUp[key]);
  await home.empty();
  const late = await measureLateness(home.servers, home.client, home.installation.db, 300);
  return [
    ['bulk submit, 500 a statement, 4 in flight, jobs/s', medianOf((one) => one.bulk)],
    ['single submits, 64 in flight, jobs/s', medianOf((one) => one.single)],
    [
      `drain of ${JOBS} no-op jobs, one process, concurrency ${CONCURRENCY}, jobs/s`,
      medianOf((one) => one.drain.jobsPerSecond),
    ],
    [
      `the same, two processes of ${CONCURRENCY / 2}, jobs/s`,
      medianOf((one) => one.drainOfTwo.jobsPerSecond),
    ],
    [
      'pick-up when idle, p50 / p95 / p99, ms',
      inOneCell({ p50Ms: pickUp('p50Ms'), p95Ms: pickUp('p95Ms'), p99Ms: pickUp('p99Ms') }),
    ],
    ['a job for later starts after its time, p50 / p95 / p99, ms', inOneCell(late)],
    ...(await measureBacklog(home, options)),
  ];
}

async function repeatOnce(home: OwnHome): Promise<Repetition> {
  const { servers, client } = home;
  await home.empty();
  const bulk = await measureBulkSubmit(client, JOBS, 500, 4);
  const drain = await measureDrain(servers, JOBS, CONCURRENCY);
  await home.fill(JOBS);
  const drainOfTwo = await measureDrain(servers, JOBS, CONCURRENCY / 2, 2);
  await home.empty();
  const single = await measureSingleSubmits(client, 20_000, 64);
  await home.empty();
  const pickUp = await measurePickUp(servers, client, 200);
  return { bulk, drain, drainOfTwo, single, pickUp };
}

async function measureBacklog(
  home: OwnHome,
  { backlog, say }: OwnOptions,
): Promise<[string, string | number][]> {
  if (backlog === 0) return [];
  say(`backlog of ${backlog} jobs`);
  await home.empty();
  await home.fill(backlog);
  const drain = await measureDrain(home.servers, JOBS, CONCURRENCY);
  const urgent = await measurePickUp(home.servers, home.client, 100, 90);
  return [
    [`first ${JOBS} of a backlog of ${backlog}, jobs/s`, drain.jobsPerSecond],
    ['worker memory with that backlog, MB', drain.rssMb],
    ['pick-up of urgent jobs while it is worked off, p50 / p95 / p99, ms', inOneCell(urgent)],
  ];
}
