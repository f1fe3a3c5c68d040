import { Redis } from 'ioredis';
import { readProcessTreeCpuMs } from '../../servers/process-cpu.js';
import type { Servers } from '../../servers/start-servers.js';

/** CPU time that the servers have used so far, milliseconds. */
export async function readServersCpu(servers: Servers): Promise<{ postgresMs: number; redisMs: number }> {
  const { pid } = servers.postgres;
  if (pid === null) throw new Error('PostgreSQL does not run');
  return {
    postgresMs: await readProcessTreeCpuMs(pid),
    redisMs: await readRedisCpuMs(servers.redisUrl ?? ''),
  };
}

async function readRedisCpuMs(url: string): Promise<number> {
  const redis = new Redis(url);
  const info = await redis.info('cpu').finally(() => redis.disconnect());
  const seconds = [...info.matchAll(/^used_cpu_(?:sys|user):([\d.]+)/gm)].map(([, value]) => Number(value));
  return seconds.reduce((sum, one) => sum + one, 0) * 1_000;
}
