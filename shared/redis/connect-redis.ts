import { Cluster, Redis } from 'ioredis';
import { keepLastError } from './connection-errors.js';
import { SCRIPTS } from './scripts.js';

/** Where Redis is: one server, a group watched by Sentinels, or a Cluster. */
export type RedisAddress =
  | { readonly url: string }
  | {
      readonly sentinels: readonly HostAndPort[];
      readonly name: string;
      readonly password?: string;
      readonly db?: number;
    }
  | { readonly nodes: readonly HostAndPort[]; readonly password?: string };

export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

interface ScriptCommands {
  holdfastPush(base: string, ...args: (string | number)[]): Promise<number>;
  holdfastTake(
    base: string,
    ...args: (string | number)[]
  ): Promise<[count: number, ids: string, isKnown: 0 | 1]>;
  holdfastDrain(base: string, workerId: string, then: 'forget' | 'keep'): Promise<string[]>;
  holdfastDropFront(list: string, ...entries: string[]): Promise<number>;
  holdfastTakeOffer(base: string, count: number, channels: string): Promise<string | null>;
  holdfastAssign(
    base: string,
    channels: string,
    address: string,
    message: Buffer,
  ): Promise<[heard: number, next: string | null]>;
  holdfastCount(key: string, windowMs: number): Promise<[count: number, leftMs: number]>;
}
export type RedisConnection = (Redis | Cluster) & ScriptCommands;

/** Reconnects for ever, quickly at first: Redis away is a state to live in, not an error to die of. */
const retryStrategy = (times: number) => Math.min(50 * 2 ** Math.min(times, 5), 1_000);

const COMMON = {
  retryStrategy,
  connectTimeout: 3_000,
  keepAlive: 5_000,
  // After a failover the old primary answers READONLY: connect again, to the new one.
  reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
};

const ANSWER_MS = 3_000;

/**
 * Fails at once while Redis is away: nobody waits for a hint. A connection that brings no answer in time is half open:
 * it is closed and made anew, or every command would wait as long, for as long as TCP hopes.
 */
const COMMANDS = {
  ...COMMON,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  commandTimeout: ANSWER_MS,
  socketTimeout: ANSWER_MS,
};

/**
 * For BRPOPLPUSH, which waits on purpose, and for channels. Its waiter bounds the wait; a pop repeated by the client after a reconnect
 * would move an id that nobody claims, and each connection listens under a name of its own.
 */
const BLOCKING = {
  ...COMMON,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
};

/** Opens a connection. It never throws for an absent server: commands do. */
export function connectRedis(
  address: RedisAddress,
  use: 'commands' | 'blocking' = 'commands',
): RedisConnection {
  const options = use === 'blocking' ? BLOCKING : COMMANDS;
  const connection = openConnection(address, options);
  for (const [name, script] of Object.entries(SCRIPTS)) connection.defineCommand(name, script);
  keepLastError(connection);
  return connection as RedisConnection;
}

function openConnection(address: RedisAddress, options: typeof COMMANDS | typeof BLOCKING): Redis | Cluster {
  if ('url' in address) return new Redis(address.url, options);
  if ('sentinels' in address) {
    const { sentinels, name, password, db } = address;
    return new Redis({
      ...options,
      sentinels: [...sentinels],
      name,
      ...(password ? { password } : {}),
      db: db ?? 0,
    });
  }
  const redisOptions = { ...options, ...(address.password ? { password: address.password } : {}) };
  return new Cluster([...address.nodes], {
    redisOptions,
    enableOfflineQueue: false,
    clusterRetryStrategy: retryStrategy,
  });
}

/** Resolves when the connection is ready, or false after `timeoutMs`. */
export async function waitUntilReady(connection: RedisConnection, timeoutMs: number): Promise<boolean> {
  if (connection.status === 'ready') return true;
  return new Promise((resolve) => {
    const done = (isReady: boolean) => {
      clearTimeout(timer);
      connection.off('ready', onReady);
      resolve(isReady);
    };
    const onReady = () => done(true);
    const timer = setTimeout(() => done(false), timeoutMs);
    connection.once('ready', onReady);
  });
}
