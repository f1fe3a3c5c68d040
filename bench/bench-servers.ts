import { startServers, type Servers } from '../servers/start-servers.js';
import { migrate } from '../shared/postgres/migrate.js';

/** Settings that a durable installation has; everything else is the servers' default. */
export const POSTGRES_SETTINGS = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  shared_buffers: '512MB',
  max_wal_size: '4GB',
  checkpoint_timeout: '15min',
};
export const REDIS_SETTINGS = { appendonly: 'yes', appendfsync: 'everysec' };

/** Private servers with durability on, migrated. */
export async function startBenchServers(): Promise<Servers> {
  const servers = await startServers({
    postgres: 'auto',
    postgresSettings: POSTGRES_SETTINGS,
    redisSettings: REDIS_SETTINGS,
    log: (line) => console.error(line),
  });
  await migrate('up', { connectionString: servers.postgresUrl });
  return servers;
}
