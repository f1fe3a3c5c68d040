import { readProcessTreeCpuMs } from '../servers/process-cpu.js';
import type { Servers } from '../servers/start-servers.js';
import { readRedisInfo } from './redis-info.js';

/** CPU time that the servers have used so far, milliseconds. */
export async function readServersCpu(servers: Servers): Promise<{ postgresMs: number; redisMs: number }> {
  const { pid } = servers.postgres;
  if (pid === null) throw new Error('PostgreSQL does not run');
  const postgresMs = await readProcessTreeCpuMs(pid);
  const redis = await readRedisInfo(servers, 'cpu');
  const seconds = (redis.get('used_cpu_sys') ?? 0) + (redis.get('used_cpu_user') ?? 0);
  return { postgresMs, redisMs: seconds * 1_000 };
}
