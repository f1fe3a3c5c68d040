import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { startServers, type Servers } from '../../../servers/start-servers.js';
import { packageRoot } from '../../../shared/package-root.js';
import { createDatabase, type Database } from '../../../shared/postgres/create-database.js';
import { migrate } from '../../../shared/postgres/migrate.js';
import { createLedger } from './ledger.js';
import { openLink, type Link } from './link.js';
import { describeProcess, type Cast } from './process-specs.js';
import { SystemProcess } from './system-process.js';

export interface WorldOptions {
  readonly cast: Cast;
  /** Settings of all processes. */
  readonly env?: NodeJS.ProcessEnv;
  /** Where the code under test lies; the harness breaks copies of it to prove its checker. Default: this package. */
  readonly codeRoot?: string;
  readonly log?: (line: string) => void;
}

/** A process of the system with the links over which it reaches the servers. */
export interface Member {
  readonly process: SystemProcess;
  readonly link: Link;
  /** Faults aim elsewhere, so that its counters can be held against the tables; the servers' faults reach it too. */
  readonly isSpared: boolean;
  /** Where its HTTP interface is: API, or `/metrics` and `/health`. */
  readonly url: string;
}

/** Real servers, real processes, and the file of effects. Harness connections (`db`, `redis`) go past the links. */
export interface World {
  readonly servers: Servers & { readonly redis: NonNullable<Servers['redis']> };
  readonly db: Database;
  readonly redis: Redis;
  readonly members: readonly Member[];
  readonly ledgerPath: string;
  /** Logs of all processes; kept when something was wrong. */
  readonly directory: string;
  stop(options: { keepFiles: boolean }): Promise<void>;
}

const POSTGRES_SETTINGS = {
  fsync: 'on',
  synchronous_commit: 'on',
  max_connections: '200',
  deadlock_timeout: '1s',
};
const REDIS_SETTINGS = { appendonly: 'yes', appendfsync: 'everysec', 'enable-debug-command': 'yes' };

export async function startWorld(options: WorldOptions): Promise<World> {
  const { cast, env = {}, codeRoot = packageRoot, log = () => undefined } = options;
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-chaos-'));
  const ledgerPath = join(directory, 'ledger');
  createLedger(ledgerPath);
  const servers = await startServers({
    postgres: 'binaries',
    redis: 'binaries',
    postgresSettings: POSTGRES_SETTINGS,
    redisSettings: REDIS_SETTINGS,
    log,
  });
  const undo: (() => Promise<unknown>)[] = [() => servers.stop()];
  try {
    await migrate('up', { connectionString: servers.postgresUrl });
    const db = createDatabase({
      connectionString: servers.postgresUrl,
      poolSize: 20,
      applicationName: 'harness',
    });
    undo.unshift(() => db.close());
    await db.query('CREATE TABLE chaos_effects (job_id bigint NOT NULL, attempt int NOT NULL)');
    const redis = new Redis(servers.redisUrl as string, {
      maxRetriesPerRequest: 0,
      retryStrategy: () => 100,
    });
    redis.on('error', () => undefined);
    undo.unshift(async () => redis.disconnect());
    const members: Member[] = [];
    undo.unshift(() => Promise.all(members.map(({ link }) => link.close())));
    for (const role of cast) {
      const link = await openLink(servers);
      const { spec, url } = await describeProcess(role, { link, directory, ledgerPath, codeRoot, env });
      members.push({ process: new SystemProcess(spec), link, isSpared: role.isSpared ?? false, url });
    }
    undo.unshift(() => Promise.all(members.map(({ process }) => process.stop('SIGKILL'))));
    await Promise.all(members.map(({ process }) => process.start()));
    return {
      servers: servers as World['servers'],
      db,
      redis,
      members,
      ledgerPath,
      directory,
      async stop({ keepFiles }) {
        for (const action of undo) await action();
        if (!keepFiles) await rm(directory, { recursive: true, force: true });
      },
    };
  } catch (error) {
    for (const action of undo) await action().catch(() => undefined);
    throw error;
  }
}
