import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { World } from '../world/world.js';
import type { FaultKind, FaultScene } from './fault.js';

/** Workers have free slots, as a rule. */
const TAKEN_WITHIN_MS = 500;

const onRedis = (
  name: string,
  weight: number,
  act: (world: World, ms: number) => Promise<unknown>,
  [from, to]: readonly [number, number] = [0, 0],
): FaultKind => ({
  name: `Redis: ${name}`,
  weight,
  prepare({ world, random }) {
    const ms = Math.round(random.between(from, to));
    return {
      what: to === 0 ? `Redis: ${name}` : `Redis: ${name}, ${ms} ms`,
      disturbs: ['redis'],
      async inject() {
        await act(world, ms);
      },
    };
  },
});

async function fillUp({ redis }: World, ms: number): Promise<void> {
  await redis.config('SET', 'maxmemory', '1');
  await wait(ms);
  await redis.config('SET', 'maxmemory', '0');
}

async function killAndWait({ servers }: World, ms: number): Promise<void> {
  await servers.redis.kill();
  await wait(ms);
  await servers.redis.start();
}

/** Somebody restores a backup, or a replica that was far behind takes over: ids of jobs long finished come back. */
async function restoreOldFile({ servers }: World, ms: number): Promise<void> {
  const home = join(servers.directory as string, 'redis');
  const backup = join(servers.directory as string, 'redis-backup');
  await rm(backup, { recursive: true, force: true });
  await cp(home, backup, { recursive: true });
  await wait(ms);
  await servers.redis.kill();
  await rm(home, { recursive: true });
  await cp(backup, home, { recursive: true });
  await servers.redis.start();
}

/** Every push may come twice: ids of jobs that run lie in the lanes again, and a moment later those of jobs long finished. */
async function pushAgain({ redis, db }: World): Promise<void> {
  for (const isRunning of [true, false]) {
    const { rows } = await db.query<{ base: string; ids: number[] }>(
      `SELECT 'job:{' || i.id || ':default}' AS base, ARRAY(SELECT id FROM jobs
         WHERE queue = 'default' AND attempt > 0 AND (status = 'running') = $1 ORDER BY id DESC LIMIT 200) AS ids
       FROM installation i`,
      [isRunning],
    );
    const { base = '', ids = [] } = rows[0] ?? {};
    if (ids.length === 0) continue;
    await redis.lpush(`${base}:lane:50`, ...ids);
    await redis.zadd(`${base}:lanes`, 50, '50');
    await wait(TAKEN_WITHIN_MS);
  }
}

/** Half open: what a process has sent arrives nowhere, and nothing tells it so. */
const halfOpen = (weight: number): FaultKind => ({
  name: 'Redis: half-open connections',
  weight,
  prepare({ world, random }: FaultScene) {
    const member = random.pick(world.members);
    return {
      what: `Redis: connections of ${member.process.name} go half open`,
      disturbs: [`link of ${member.process.name}`],
      inject: async () => member.link.redis.freezeExisting(),
    };
  },
});

const partition = (weight: number): FaultKind => ({
  name: 'Redis: partition',
  weight,
  prepare({ world, random }: FaultScene) {
    const member = random.pick(world.members);
    const ms = Math.round(random.between(2_000, 6_000));
    return {
      what: `Redis: out of reach for ${member.process.name}, ${ms} ms`,
      disturbs: [`link of ${member.process.name}`],
      async inject() {
        member.link.redis.freezeAll();
        await wait(ms);
        member.link.redis.thaw();
      },
    };
  },
});

export const REDIS_FAULTS: readonly FaultKind[] = [
  onRedis('FLUSHALL', 6, ({ redis }) => redis.flushall()),
  onRedis('killed, its file lost', 4, ({ servers }) => servers.redis.wipe()),
  onRedis('killed, back with its file', 4, killAndWait, [0, 3_000]),
  onRedis('restarted', 2, ({ servers }) => servers.redis.restart()),
  onRedis('an old file comes back', 3, restoreOldFile, [3_000, 8_000]),
  onRedis(
    'DEBUG SLEEP',
    3,
    async ({ redis }, ms) => redis.call('DEBUG', 'SLEEP', String(ms / 1_000)),
    [1_000, 4_000],
  ),
  onRedis('out of memory', 4, fillUp, [2_000, 4_000]),
  onRedis('ids come twice', 3, pushAgain),
  halfOpen(4),
  partition(3),
];
