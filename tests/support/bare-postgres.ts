import { startServers, type Servers } from '../../servers/start-servers.js';

/** A PostgreSQL of one's own, without tables, to be stopped or frozen; null where the machine has none. The caller stops it. */
export const startBarePostgres = (): Promise<Servers | null> =>
  startServers({ postgres: 'binaries', redis: 'none', postgresSettings: { fsync: 'off' } }).catch(() => null);
