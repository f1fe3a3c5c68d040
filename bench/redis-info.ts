import { Redis } from 'ioredis';
import type { Servers } from '../servers/start-servers.js';

/** The numbers of one section of Redis's INFO by their names, as Redis has them; none where there is no Redis. */
export async function readRedisInfo(
  { redisUrl }: Servers,
  section: 'cpu' | 'memory',
): Promise<ReadonlyMap<string, number>> {
  if (redisUrl === null) return new Map();
  const redis = new Redis(redisUrl);
  const info = await redis.info(section).finally(() => redis.disconnect());
  return new Map(
    [...info.matchAll(/^(\w+):([\d.]+)\r?$/gm)].map(([, name = '', value]) => [name, Number(value)]),
  );
}

/** Bytes that Redis's allocator has handed out, all databases together. */
export const readRedisBytes = async (servers: Servers): Promise<number> =>
  (await readRedisInfo(servers, 'memory')).get('used_memory') ?? 0;
