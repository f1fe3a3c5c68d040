import type { ConfigFault } from './config-error.js';
import type { Env, VariableName } from './env-schema.js';
import type { Texts } from './read-texts.js';

/** Variables that are each right but do not go together. */
interface Combination {
  /** The fault is reported under the first of them; when one of them is bad in itself, there is nothing to compare. */
  readonly of: readonly [VariableName, ...VariableName[]];
  /** What is wrong, to follow the first name; undefined: nothing. `texts` tells what was set. */
  readonly check: (env: Env, texts: Texts) => string | undefined;
}

/** One claims, two settle; a coordinator needs one of its own. With fewer, each would wait for the others. */
const CONNECTIONS_OF_WORKER = 3;
const CONNECTIONS_OF_COORDINATOR = 1;

const COMBINATIONS: readonly Combination[] = [
  {
    of: ['DATABASE_POOL_SIZE', 'COORDINATOR_ENABLED'],
    check(env) {
      const needed = CONNECTIONS_OF_WORKER + (env.COORDINATOR_ENABLED ? CONNECTIONS_OF_COORDINATOR : 0);
      if (env.DATABASE_POOL_SIZE >= needed) return undefined;
      const why = env.COORDINATOR_ENABLED ? 'a worker with a coordinator needs' : 'a worker needs';
      return `is ${env.DATABASE_POOL_SIZE}, but ${why} at least ${needed} connections`;
    },
  },
  {
    of: ['WORKER_DEAD_AFTER', 'WORKER_HEARTBEAT_INTERVAL'],
    check(env) {
      const least = 2 * env.WORKER_HEARTBEAT_INTERVAL;
      if (env.WORKER_DEAD_AFTER >= least) return undefined;
      return `is ${env.WORKER_DEAD_AFTER}, but must be at least twice WORKER_HEARTBEAT_INTERVAL (${least}), or one late heartbeat is a death`;
    },
  },
  {
    of: ['JOB_RETRY_DELAY_MAX', 'JOB_RETRY_DELAY_BASE'],
    check: (env) =>
      env.JOB_RETRY_DELAY_MAX < env.JOB_RETRY_DELAY_BASE
        ? `is ${env.JOB_RETRY_DELAY_MAX}, less than JOB_RETRY_DELAY_BASE (${env.JOB_RETRY_DELAY_BASE})`
        : undefined,
  },
  contradiction('REDIS_URL', 'REDIS_SENTINELS'),
  contradiction('REDIS_URL', 'REDIS_CLUSTER_NODES'),
  contradiction('REDIS_SENTINELS', 'REDIS_CLUSTER_NODES'),
  {
    of: ['REDIS_DB', 'REDIS_CLUSTER_NODES'],
    check: (env) =>
      env.REDIS_CLUSTER_NODES && env.REDIS_DB !== 0
        ? `is ${env.REDIS_DB}, but a Redis Cluster (REDIS_CLUSTER_NODES) has only database 0`
        : undefined,
  },
  {
    of: ['REDIS_SENTINEL_NAME', 'REDIS_SENTINELS'],
    check: (env, texts) =>
      texts.REDIS_SENTINEL_NAME !== undefined && !env.REDIS_SENTINELS
        ? 'is set without REDIS_SENTINELS: say where the Sentinels are'
        : undefined,
  },
  needs('SMTP_USER', 'SMTP_PASSWORD'),
  needs('SMTP_PASSWORD', 'SMTP_USER'),
];

function contradiction(one: VariableName, other: VariableName): Combination {
  return {
    of: [one, other],
    check: (_env, texts) =>
      texts[one] !== undefined && texts[other] !== undefined
        ? `and ${other} are both set: Redis is either here or there`
        : undefined,
  };
}

function needs(one: VariableName, other: VariableName): Combination {
  return {
    of: [one, other],
    check: (env, texts) =>
      texts[one] !== undefined && texts[other] === undefined && env.SMTP_URL === undefined
        ? `is set without ${other}: a mail server wants both or neither`
        : undefined,
  };
}

export function checkCombinations(env: Env, texts: Texts, bad: ReadonlySet<string>): ConfigFault[] {
  return COMBINATIONS.filter(({ of }) => !of.some((name) => bad.has(name))).flatMap(({ of, check }) => {
    const problem = check(env, texts);
    return problem === undefined ? [] : [{ variable: of[0], problem }];
  });
}
