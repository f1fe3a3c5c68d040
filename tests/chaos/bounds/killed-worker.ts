import type { World } from '../world/world.js';
import { named } from '../world/process-specs.js';
import { defineBound, type Bound, type Say } from './bound.js';
import { EffectLog } from './run/effect-log.js';
import { defaultWorkers, inWorld, memberNamed } from './run/in-world.js';
import { passLeadershipOn } from './run/leadership.js';
import { occupyWorkers } from './run/occupy-workers.js';

interface Variant {
  readonly name: string;
  readonly what: string;
  readonly limitMs: number;
  readonly env?: NodeJS.ProcessEnv;
  /** The worker that is killed is also the coordinator that leads. */
  readonly leads: boolean;
}

const FASTEST = { WORKER_HEARTBEAT_INTERVAL: '500', WORKER_DEAD_AFTER: '2000' };
const PATIENCE_MS = 60_000;

/** Worker-1 stands for coordinator as every worker does by default; the standby makes it known who leads. */
const castOf = () => [
  ...defaultWorkers(3).map((part, index) =>
    index === 0 ? part : { ...part, env: { COORDINATOR_ENABLED: 'false' } },
  ),
  ...named('coordinator', 1, {}),
];

const killedWorker = (variant: Variant): Bound =>
  defineBound({
    name: variant.name,
    what: variant.what,
    quantities: {
      elsewhereMs: { what: 'until all its jobs run elsewhere', unit: 'ms', limit: variant.limitMs },
      charged: { what: 'jobs charged with a retry', unit: '', limit: 0 },
    },
    measure: (say: Say) =>
      inWorld({ cast: castOf(), env: variant.env ?? {}, say }, (world) => kill(world, variant, say)),
  });

async function kill(world: World, { leads }: Variant, say: Say) {
  const effects = new EffectLog(world);
  if (leads) await passLeadershipOn(world, memberNamed(world, 'coordinator-1'));
  await occupyWorkers(world, effects);
  const victim = memberNamed(world, leads ? 'worker-1' : 'worker-2').process;
  const { pid } = victim;
  const lost = effects.all.filter((effect) => effect.pid === pid).map(({ jobId }) => jobId);
  const killedAt = Date.now();
  await victim.end('SIGKILL');
  say(`killed ${victim.name}, which ran ${lost.length} jobs`);
  const again = await effects.until(
    'its jobs run elsewhere',
    (all) => {
      const second = all.filter((effect) => effect.attempt === 2 && lost.includes(effect.jobId));
      return second.length >= lost.length && second;
    },
    PATIENCE_MS,
  );
  const { rows } = await world.db.query<{ charged: number }>(
    'SELECT count(*) AS charged FROM jobs WHERE retry_count > 0',
  );
  return {
    elsewhereMs: Math.max(...again.map(({ at }) => at)) - killedAt,
    charged: rows[0]?.charged ?? NaN,
  };
}

export const KILLED_WORKER: readonly Bound[] = [
  killedWorker({ name: 'killed-worker', what: 'SIGKILL of a worker', limitMs: 15_000, leads: false }),
  killedWorker({
    name: 'killed-leader',
    what: 'SIGKILL of a worker that is the leading coordinator, too',
    limitMs: 15_000,
    leads: true,
  }),
  killedWorker({
    name: 'killed-worker-fast',
    what: 'SIGKILL of a worker, WORKER_HEARTBEAT_INTERVAL=500, WORKER_DEAD_AFTER=2000',
    limitMs: 5_000,
    env: FASTEST,
    leads: false,
  }),
  killedWorker({
    name: 'killed-leader-fast',
    what: 'SIGKILL of a worker that leads, WORKER_HEARTBEAT_INTERVAL=500, WORKER_DEAD_AFTER=2000',
    limitMs: 5_000,
    env: FASTEST,
    leads: true,
  }),
];
