import { eventually } from '../../support/eventually.js';
import type { World } from '../world/world.js';
import { defineBound, type Say } from './bound.js';
import { defaultWorkers, inWorld } from './run/in-world.js';
import { countListed, readListed } from './run/listed-ids.js';

const BACKLOG = 1_000_000;
/** One statement may take ten seconds. */
const CHUNK = 50_000;
/** Long enough that the backlog stays; the few that run leave it. */
const INSERT = `
  INSERT INTO jobs (job_type, payload, priority, timeout_ms)
  SELECT 'slow', jsonb_build_object('ref', 'b' || n, 'ms', 3600000), CASE WHEN n % 10 = 0 THEN 80 ELSE 50 END, 7200000
    FROM generate_series($1::int, $2::int) AS n`;
const READY = `SELECT id FROM jobs WHERE status = 'pending' AND completed_at IS NULL`;
const PATIENCE_MS = 300_000;

/** How fast a large backlog is in Redis again, so that its order holds. */
export const REFILLED_REDIS = defineBound({
  name: 'refilled-redis',
  what: `Redis emptied under a backlog of ${BACKLOG.toLocaleString('en')}`,
  isLong: true,
  quantities: {
    afterFlushMs: { what: 'FLUSHALL, until Redis holds the backlog again', unit: 'ms', limit: 60_000 },
    afterLossMs: { what: 'killed and back without its file, the same', unit: 'ms', limit: 60_000 },
    missing: { what: 'jobs of the backlog whose ids are not in Redis then', unit: '', limit: 0 },
    surplus: { what: 'ids beyond the backlog', unit: '' },
  },
  measure: (say: Say) =>
    inWorld({ cast: defaultWorkers(2), say }, async (world) => {
      await insertBacklog(world, say);
      await whenFull(world, say);
      const afterFlushMs = await timeRefill(world, say, () => world.redis.flushall());
      const afterLossMs = await timeRefill(world, say, () => world.servers.redis.wipe());
      const listed = await readListed(world);
      const ready = await readReady(world);
      const present = new Set(listed);
      const missing = ready.filter((id) => !present.has(id)).length;
      return { afterFlushMs, afterLossMs, missing, surplus: listed.length - (ready.length - missing) };
    }),
});

async function insertBacklog({ db }: World, say: Say): Promise<void> {
  for (let from = 1; from <= BACKLOG; from += CHUNK) {
    await db.query(INSERT, [from, from + CHUNK - 1]);
    if ((from - 1 + CHUNK) % (4 * CHUNK) === 0) say(`${from - 1 + CHUNK} jobs inserted`);
  }
}

async function timeRefill(world: World, say: Say, empty: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await empty();
  say('Redis holds nothing');
  await whenFull(world, say);
  return performance.now() - startedAt;
}

/** Redis holds as many ids as jobs are ready. (Which ones, is looked at in the end.) */
async function whenFull(world: World, say: Say): Promise<void> {
  const { rows } = await world.db.query<{ count: number }>(
    `SELECT count(*) AS count FROM (${READY}) AS ready`,
  );
  const ready = rows[0]?.count ?? 0;
  let saidAt = performance.now();
  await eventually(
    'Redis holds the backlog',
    async () => {
      const listed = await countListed(world);
      if (performance.now() - saidAt > 5_000) {
        say(`Redis holds ${listed} of ${ready}`);
        saidAt = performance.now();
      }
      return listed >= ready;
    },
    PATIENCE_MS,
  );
}

async function readReady({ db }: World): Promise<number[]> {
  return (await db.query<{ id: number }>(READY)).rows.map(({ id }) => id);
}
