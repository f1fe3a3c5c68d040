import { median } from '../../../bench/statistics.js';
import { request } from 'undici';
import { named } from '../world/process-specs.js';
import type { Member, World } from '../world/world.js';
import { defineBound, type Say } from './bound.js';
import { defaultWorkers, inWorld, memberNamed } from './run/in-world.js';
import { countHarm, countOld, insertOld } from './run/old-jobs.js';
import {
  measureThroughput,
  openClient,
  type LoadClient,
  type Pace,
  type Throughput,
} from './run/throughput.js';

const OLD = 1_000_000;
const RETENTION_MS = 3_600_000;
const PACE = 2_000;
const ROUNDS = 3;
const WINDOW = { warmUpMs: 3_000, windowMs: 8_000 };

/** Only one of them runs at a time: with it, retention is off or on. */
const CAST = [
  ...defaultWorkers(2, { concurrency: 50, env: { COORDINATOR_ENABLED: 'false' } }),
  { ...named('coordinator', 1, {})[0]!, name: 'keeping', env: { JOB_RETENTION: '0' } },
  { ...named('coordinator', 1, {})[0]!, name: 'pruning', env: { JOB_RETENTION: String(RETENTION_MS) } },
];

type Runs = Record<'keeping' | 'pruning', { steady: Throughput[]; saturated: Throughput[] }>;

export const RETENTION = defineBound({
  name: 'retention',
  what: `${OLD.toLocaleString('en')} finished jobs are too old, while ${PACE.toLocaleString('en')} jobs/s run; off and on in turn, medians of ${ROUNDS}`,
  isLong: true,
  quantities: {
    steadyLoss: { what: `throughput lost of ${PACE.toLocaleString('en')} jobs/s`, unit: '%', limit: 10 },
    gone: {
      what: 'dead letters, their jobs and history, or young jobs that were deleted',
      unit: '',
      limit: 0,
    },
    deleted: { what: 'jobs deleted meanwhile', unit: '/s' },
    p99OffMs: { what: 'submit to completion, p99, retention off', unit: 'ms' },
    p99OnMs: { what: 'the same, on', unit: 'ms' },
    saturatedOff: { what: 'as many jobs as two workers of 50 slots can do, retention off', unit: '/s' },
    saturatedLoss: { what: 'throughput lost of that', unit: '%' },
    saturatedDeleted: { what: 'jobs deleted meanwhile', unit: '/s' },
  },
  measure: (say: Say) =>
    inWorld({ cast: CAST, say }, async (world) => {
      await memberNamed(world, 'keeping').process.stop();
      await memberNamed(world, 'pruning').process.stop();
      await insertOld(world, OLD, say);
      const client = await openClient(world);
      try {
        const runs = await alternate(world, client, say);
        return { ...summarize(runs), gone: await countHarm(world, client.submitted) };
      } finally {
        await client.close();
      }
    }),
});

async function alternate(world: World, client: LoadClient, say: Say): Promise<Runs> {
  const runs: Runs = { keeping: { steady: [], saturated: [] }, pruning: { steady: [], saturated: [] } };
  for (let round = 1; round <= ROUNDS; round++) {
    for (const name of ['keeping', 'pruning'] as const) {
      const coordinator = memberNamed(world, name);
      const measure = (pace: Pace) =>
        measureThroughput(world, client, { ...WINDOW, pace, count: () => readDeleted(coordinator) });
      await coordinator.process.start();
      const steady = await measure(PACE);
      const saturated = await measure('saturating');
      await coordinator.process.stop();
      runs[name].steady.push(steady);
      runs[name].saturated.push(saturated);
      if ((await countOld(world)) === 0) throw new Error('nothing old is left: more of it is needed');
      say(`${name}: steady ${JSON.stringify(steady)}, saturated ${JSON.stringify(saturated)}`);
    }
  }
  return runs;
}

/** Jobs that this coordinator has deleted, as it counts them. */
async function readDeleted({ url }: Member): Promise<number> {
  const { body } = await request(`${url}/metrics`);
  return Number(/^jobs_pruned_total (\d+)$/m.exec(await body.text())?.[1] ?? NaN);
}

function summarize({ keeping, pruning }: Runs) {
  const rate = (runs: readonly Throughput[]) =>
    median(runs.map(({ completedPerSecond }) => completedPerSecond));
  const lost = (off: readonly Throughput[], on: readonly Throughput[]) => 100 * (1 - rate(on) / rate(off));
  const deleted = (runs: readonly Throughput[]) =>
    median(runs.map(({ countedPerSecond }) => countedPerSecond));
  const p99 = (runs: readonly Throughput[]) => median(runs.map(({ p99Ms }) => p99Ms));
  return {
    steadyLoss: lost(keeping.steady, pruning.steady),
    deleted: deleted(pruning.steady),
    p99OffMs: p99(keeping.steady),
    p99OnMs: p99(pruning.steady),
    saturatedOff: rate(keeping.saturated),
    saturatedLoss: lost(keeping.saturated, pruning.saturated),
    saturatedDeleted: deleted(pruning.saturated),
  };
}
