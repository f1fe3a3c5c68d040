import { setTimeout as wait } from 'node:timers/promises';
import { percentile } from '../../../bench/statistics.js';
import { eventually } from '../../support/eventually.js';
import { named } from '../world/process-specs.js';
import type { World } from '../world/world.js';
import { defineBound, type Bound, type Say } from './bound.js';
import { EffectLog } from './run/effect-log.js';
import { submitByApi } from './run/call-api.js';
import { defaultWorkers, inWorld, memberNamed } from './run/in-world.js';

const SAMPLES = 100;
const WARM_UP = 5;
/** Between two jobs: never in step with a poll. */
const MOST_PAUSE_MS = 500;
/** Everybody has noticed by then. */
const SETTLE_MS = 5_000;

/** One worker, the hardest case: nobody else polls. */
const absentRedis = (name: string, what: string, takeAway: (world: World) => unknown): Bound =>
  defineBound({
    name,
    what,
    isLong: true,
    quantities: {
      p50Ms: { what: `pick-up of an idle system, submit to handler, p50 of ${SAMPLES}`, unit: 'ms' },
      p99Ms: { what: 'the same, p99', unit: 'ms', limit: 1_000 },
      incomplete: { what: 'jobs that did not complete', unit: '', limit: 0 },
    },
    measure: (say: Say) =>
      inWorld({ cast: [...defaultWorkers(1), ...named('api', 1, {})], say }, async (world) => {
        await takeAway(world);
        await wait(SETTLE_MS);
        const pickUps = await measurePickUps(world, say);
        const unfinished = async () =>
          (await world.db.query('SELECT 1 FROM jobs WHERE completed_at IS NULL')).rows.length;
        await eventually('all are recorded', async () => (await unfinished()) === 0);
        const { rows } = await world.db.query(`SELECT 1 FROM jobs WHERE status <> 'completed'`);
        return {
          p50Ms: percentile(pickUps, 0.5),
          p99Ms: percentile(pickUps, 0.99),
          incomplete: rows.length,
        };
      }),
  });

/** From the call of the API to the first line of the handler, one job at a time. */
async function measurePickUps(world: World, say: Say): Promise<number[]> {
  const effects = new EffectLog(world);
  const api = memberNamed(world, 'api-1');
  const pickUps: number[] = [];
  for (let sample = -WARM_UP; sample < SAMPLES; sample++) {
    await wait(Math.random() * MOST_PAUSE_MS);
    const submittedAt = Date.now();
    const jobId = await submitByApi(api, { job_type: 'effect', payload: { ref: `s${sample}` } });
    const effect = await effects.until(`job ${jobId} runs`, (all) =>
      all.findLast((one) => one.jobId === jobId),
    );
    if (sample >= 0) pickUps.push(effect.at - submittedAt);
    if (sample > 0 && sample % 25 === 0) say(`${sample} of ${SAMPLES} picked up`);
  }
  return pickUps;
}

export const ABSENT_REDIS: readonly Bound[] = [
  absentRedis('dead-redis', 'Redis away for good: its port is closed', ({ servers }) => servers.redis.kill()),
  absentRedis('silent-redis', 'Redis away for good: its host is silent, nothing is refused', ({ members }) =>
    members.forEach(({ link }) => link.redis.freezeAll()),
  ),
];
