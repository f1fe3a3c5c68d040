import { setTimeout as wait } from 'node:timers/promises';
import { checkAttempts } from '../check/check-attempts.js';
import { checkEffects } from '../check/check-effects.js';
import { checkPromises } from '../check/check-promises.js';
import { gatherEvidence } from '../check/evidence.js';
import { eventually } from '../../support/eventually.js';
import { startLoad } from '../load/start-load.js';
import { watchRecovery } from '../report/watch-recovery.js';
import { named } from '../world/process-specs.js';
import type { World } from '../world/world.js';
import { defineBound, type Say } from './bound.js';
import { countEnds, defaultWorkers, inWorld } from './run/in-world.js';

/** About 45 jobs a second of all kinds: what fifteen slots can do. */
const LOAD = 0.25;
const BEFORE_MS = 5_000;
const AFTER_MS = 8_000;
const DRAIN_MS = 60_000;

/** Everybody's connections break at once, in the middle of submits, claims and settles. */
export const RESTARTED_POSTGRES = defineBound({
  name: 'restarted-postgres',
  what: 'PostgreSQL killed under load, and started at once',
  quantities: {
    resumesMs: { what: 'from the kill until a job submitted after it runs', unit: 'ms', limit: 5_000 },
    broken: { what: 'jobs lost, attempts not on record, results recorded twice', unit: '', limit: 0 },
    ended: { what: 'processes that ended', unit: '', limit: 0 },
  },
  measure: (say: Say) =>
    inWorld({ cast: [...defaultWorkers(3), ...named('api', 2, {})], say }, async (world) => {
      const recovery = watchRecovery(world);
      const load = await startLoad(world, { seed: 1, load: LOAD });
      await wait(BEFORE_MS);
      const killedAt = Date.now();
      await world.servers.postgres.kill();
      await world.servers.postgres.start();
      say(`PostgreSQL answers again after ${Date.now() - killedAt} ms`);
      await wait(AFTER_MS);
      await load.stop();
      await recovery.stop();
      await whenDrained(world);
      const evidence = await gatherEvidence(world, load.promises);
      const violations = [checkPromises, checkAttempts, checkEffects].flatMap((check) => check(evidence));
      for (const { promise, count, examples } of violations)
        say(`${promise} (${count}): ${examples.join('; ')}`);
      return {
        resumesMs: recovery.recoveredAfterMs(killedAt) ?? Infinity,
        broken: violations.reduce((sum, { count }) => sum + count, 0),
        ended: countEnds(world),
      };
    }),
});

async function whenDrained({ db }: World): Promise<void> {
  const unfinished = async () =>
    (await db.query('SELECT 1 FROM jobs WHERE completed_at IS NULL')).rows.length;
  await eventually('all jobs have finished', async () => (await unfinished()) === 0, DRAIN_MS);
}
