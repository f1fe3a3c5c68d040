import { messageOf } from '../errors.js';
import { waitUntilReady, type RedisConnection } from '../redis/connect-redis.js';
import { runChecks, type Check, type CheckedFinding } from './check.js';
import { judgeClock, readClock } from './clock.js';
import { problem, type Finding } from './finding.js';
import { checkPersistence } from './redis-persistence.js';
import {
  judgeEviction,
  judgeMemory,
  judgeRedisVersion,
  readRedisServers,
  type RedisServer,
} from './redis-server.js';

export interface RedisCheckOptions {
  /** How long Redis may take to answer, in milliseconds. */
  readonly waitMs: number;
  readonly clockReadings: number;
  /** Whether it keeps anything on disk: not to be told at each start, since many run it without, and may. */
  readonly withPersistence: boolean;
  /** Of performance.now(). */
  readonly deadline: number;
}

/** Looks at Redis; that it is away is a finding. */
export async function checkRedis(
  connection: RedisConnection,
  options: RedisCheckOptions,
): Promise<CheckedFinding[]> {
  const away = (reason: string) => [{ check: 'redis.reachable', ...explainAway(reason) }];
  try {
    const reason = await findReasonAway(connection, options.waitMs);
    if (reason !== undefined) return away(reason);
    const servers = await readRedisServers(connection);
    return await runChecks(listChecks(servers, options), options.deadline);
  } catch (error) {
    return away(messageOf(error));
  }
}

function listChecks(
  servers: readonly RedisServer[],
  { clockReadings, withPersistence }: RedisCheckOptions,
): Check[] {
  const ofEach = async (check: (server: RedisServer) => Promise<Finding[]>) =>
    (await Promise.all(servers.map(check))).flat();
  const checks: Check[] = [
    { name: 'redis.version', run: () => servers.flatMap(({ name, info }) => judgeRedisVersion(name, info)) },
    { name: 'redis.eviction', run: () => servers.flatMap(({ name, info }) => judgeEviction(name, info)) },
    { name: 'redis.memory', run: () => servers.flatMap(({ name, info }) => judgeMemory(name, info)) },
    {
      name: 'redis.clock',
      run: () =>
        ofEach(async ({ name, node }) =>
          judgeClock(name, await readClock(() => readTime(node), clockReadings)),
        ),
    },
  ];
  if (withPersistence) checks.push({ name: 'redis.persistence', run: () => ofEach(checkPersistence) });
  return checks;
}

async function readTime(node: RedisServer['node']): Promise<number> {
  const [seconds, microseconds] = await node.time();
  return Number(seconds) * 1_000 + Number(microseconds) / 1_000;
}

/** Undefined when Redis answers in time; else why it does not, as soon as that is known. */
async function findReasonAway(connection: RedisConnection, mostMs: number): Promise<string | undefined> {
  let onError: (error: Error) => void = () => undefined;
  const failed = new Promise<string>((resolve) => {
    onError = (error) => resolve(messageOf(error));
    connection.on('error', onError);
  });
  const silence = waitUntilReady(connection, mostMs).then((isReady) =>
    isReady ? undefined : `no answer within ${mostMs} ms`,
  );
  return Promise.race([silence, failed]).finally(() => connection.off('error', onError));
}

const explainAway = (reason: string): Finding =>
  problem(
    `Redis cannot be used: ${reason}`,
    'No job is lost: workers take jobs from PostgreSQL, a little later and at a higher cost.',
    'Check REDIS_URL (or REDIS_*) and that the server runs; REDIS_URL=none does without.',
  );
