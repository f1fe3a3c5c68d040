import { Cluster, type Redis } from 'ioredis';
import type { RedisConnection } from '../redis/connect-redis.js';
import { ok, problem, spokenSize, warning, type Finding } from './finding.js';

/** What INFO says, field by field. Empty where INFO may not be asked. */
export type RedisInfo = ReadonlyMap<string, string>;

/** One server that keys may lie on: the server itself, or each primary of a Cluster. */
export interface RedisServer {
  /** How to call it in a sentence: `Redis`, or `Redis node 10.0.0.1:6379`. */
  readonly name: string;
  readonly node: Redis;
  readonly info: RedisInfo;
}

export async function readRedisServers(connection: RedisConnection): Promise<RedisServer[]> {
  const nodes: readonly (readonly [name: string, node: Redis])[] =
    connection instanceof Cluster
      ? connection
          .nodes('master')
          .map((node) => [`Redis node ${node.options.host}:${node.options.port}`, node] as const)
      : [['Redis', connection]];
  return Promise.all(nodes.map(async ([name, node]) => ({ name, node, info: await readInfo(node) })));
}

/** A managed Redis may refuse it. */
async function readInfo(node: Redis): Promise<RedisInfo> {
  try {
    return parseInfo(await node.info());
  } catch (error) {
    if (isRefusal(error)) return new Map();
    throw error;
  }
}

export const parseInfo = (text: string): RedisInfo =>
  new Map([...text.matchAll(/^(\w+):(.*?)\r?$/gm)].map(([, field = '', value = '']) => [field, value]));

/** The server answers, but not this question: a command it does not know, or one this user may not use. */
export const isRefusal = (error: unknown): boolean =>
  error instanceof Error && /^(NOPERM|ERR)\b/.test(error.message);

/** The scripts pop several ids at once: RPOP with a count. */
const OLDEST_VERSION = [6, 2] as const;

export function judgeRedisVersion(name: string, info: RedisInfo): Finding[] {
  const version = info.get('redis_version');
  if (version === undefined) return [ok(`${name} answers; its version cannot be read`)];
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [leastMajor, leastMinor] = OLDEST_VERSION;
  const isOld = major < leastMajor || (major === leastMajor && minor < leastMinor);
  const least = OLDEST_VERSION.join('.');
  const findings = isOld
    ? [
        problem(
          `${name} ${version} is too old`,
          `Taking jobs needs RPOP with a count, which came with Redis ${least}: workers take every job from PostgreSQL.`,
          `Upgrade to Redis ${least} or later, or to Valkey.`,
        ),
      ]
    : [ok(`${name} ${version} answers`)];
  if (info.get('role') !== 'slave') return findings;
  return [
    ...findings,
    problem(
      `${name} is a read-only replica`,
      'No id can be pushed to it or taken from it: workers take every job from PostgreSQL.',
      'Let REDIS_URL name the primary, or REDIS_SENTINELS the Sentinels that know it.',
    ),
  ];
}

const EVICTION_REMEDY = 'Set maxmemory-policy noeviction; a Redis shared with a cache needs one of its own.';

/** No job is ever lost by it, only time; see docs/durability.md. */
export function judgeEviction(name: string, info: RedisInfo): Finding[] {
  const policy = info.get('maxmemory_policy');
  if (policy === undefined) return [ok(`the maxmemory-policy of ${name} cannot be read`)];
  if (policy === 'noeviction') return [ok(`${name} evicts no keys`)];
  if (policy.startsWith('volatile-'))
    return [
      warning(
        `maxmemory-policy of ${name} is ${policy}`,
        "Lists of job ids have no expiry and are not evicted, but what shares this Redis decides when it is full; then pushes fail and jobs wait for workers' polls.",
        EVICTION_REMEDY,
      ),
    ];
  return [
    problem(
      `maxmemory-policy of ${name} is ${policy}`,
      'Whole lists of job ids may vanish without an error when memory is short. No job is lost, but it waits until the sweep or an idle worker finds it.',
      EVICTION_REMEDY,
    ),
  ];
}

const NEARLY_FULL = 0.9;

export function judgeMemory(name: string, info: RedisInfo): Finding[] {
  const most = Number(info.get('maxmemory') ?? NaN);
  const used = Number(info.get('used_memory') ?? NaN);
  if (Number.isNaN(most) || Number.isNaN(used)) return [ok(`the memory of ${name} cannot be read`)];
  const use = `${name} uses ${spokenSize(used)}`;
  if (most === 0) return [ok(`${use}, without a limit of its own`)];
  const share = `${use} of ${spokenSize(most)}`;
  if (used <= NEARLY_FULL * most) return [ok(share)];
  return [
    warning(
      `${share}: it is nearly full`,
      'When it is full, pushes fail and workers take jobs from PostgreSQL, which is slower. No job is lost.',
      'Raise maxmemory, or see what else is stored there: MEMORY STATS, redis-cli --bigkeys.',
    ),
  ];
}
