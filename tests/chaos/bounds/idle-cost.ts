import { setTimeout as wait } from 'node:timers/promises';
import { readProcessTreeCpuMs } from '../../../servers/process-cpu.js';
import type { World } from '../world/world.js';
import { defineBound, type Say } from './bound.js';
import { defaultWorkers, inWorld } from './run/in-world.js';

const WORKERS = 10;
const WINDOW_MS = 30_000;
/** Processes have started, and have noticed what happened to Redis. */
const SETTLE_MS = 10_000;

/** Everything that idle processes ask of PostgreSQL: polls, heartbeats, the coordinators' lease and duties. */
export const IDLE_COST = defineBound({
  name: 'idle-cost',
  what: `${WORKERS} idle worker processes, each of which also stands for coordinator`,
  isLong: true,
  quantities: {
    withoutRedis: { what: 'PostgreSQL, of one core, Redis away for good', unit: '%', limit: 5 },
    withRedis: { what: 'the same, while Redis is there', unit: '%' },
    oneWithoutRedis: { what: 'the same, Redis away, one process left', unit: '%' },
  },
  measure: (say: Say) =>
    inWorld({ cast: defaultWorkers(WORKERS), say }, async (world) => {
      const withRedis = await measureShare(world, say, 'with Redis');
      await world.servers.redis.kill();
      const withoutRedis = await measureShare(world, say, 'without Redis');
      await Promise.all(world.members.slice(1).map(({ process }) => process.stop()));
      const oneWithoutRedis = await measureShare(world, say, 'one process, without Redis');
      return { withoutRedis, withRedis, oneWithoutRedis };
    }),
});

/** Percent of one core. The harness asks nothing meanwhile. */
async function measureShare(world: World, say: Say, situation: string): Promise<number> {
  await wait(SETTLE_MS);
  const postgres = world.servers.postgres.pid;
  if (postgres === null) throw new Error('PostgreSQL does not run');
  const cpuBefore = await readProcessTreeCpuMs(postgres);
  const before = performance.now();
  await wait(WINDOW_MS);
  const cpuMs = (await readProcessTreeCpuMs(postgres)) - cpuBefore;
  const share = (100 * cpuMs) / (performance.now() - before);
  say(`${situation}: ${cpuMs} ms of CPU in ${WINDOW_MS / 1_000} s, ${share.toFixed(2)} % of a core`);
  return share;
}
