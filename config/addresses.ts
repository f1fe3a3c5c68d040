/** Addresses made of their parts. `holdfast dev` reads the same variables in servers/given.ts: keep them alike. */
import type { RedisAddress } from '../shared/redis/connect-redis.js';
import type { Env } from './env-schema.js';

export function toPostgresUrl(env: Env): string {
  if (env.DATABASE_URL !== undefined) return env.DATABASE_URL;
  const { POSTGRES_HOST: host, POSTGRES_PORT: port, POSTGRES_USER: user } = env;
  const login = `${encodeURIComponent(user)}${passwordPart(env.POSTGRES_PASSWORD)}`;
  const database = encodeURIComponent(env.POSTGRES_DB ?? user);
  // A host that begins with a slash is the folder of a Unix socket, which has no place in the URL's authority.
  return host.startsWith('/')
    ? `postgres://${login}@localhost:${port}/${database}?host=${encodeURIComponent(host)}`
    : `postgres://${login}@${bracketed(host)}:${port}/${database}`;
}

export function toRedisAddress(env: Env): RedisAddress | null {
  const password = env.REDIS_PASSWORD === undefined ? {} : { password: env.REDIS_PASSWORD };
  if (env.REDIS_SENTINELS)
    return { sentinels: env.REDIS_SENTINELS, name: env.REDIS_SENTINEL_NAME, db: env.REDIS_DB, ...password };
  if (env.REDIS_CLUSTER_NODES) return { nodes: env.REDIS_CLUSTER_NODES, ...password };
  if (env.REDIS_URL === null) return null;
  if (env.REDIS_URL !== undefined) return { url: env.REDIS_URL };
  const login = env.REDIS_PASSWORD === undefined ? '' : `${passwordPart(env.REDIS_PASSWORD)}@`;
  return { url: `redis://${login}${bracketed(env.REDIS_HOST)}:${env.REDIS_PORT}/${env.REDIS_DB}` };
}

const passwordPart = (password: string | undefined) =>
  password === undefined ? '' : `:${encodeURIComponent(password)}`;

const bracketed = (host: string) => (host.includes(':') ? `[${host}]` : host);
