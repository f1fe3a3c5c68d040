import { setTimeout as wait } from 'node:timers/promises';
import { connectRedis, waitUntilReady, type RedisAddress, type RedisConnection } from './connect-redis.js';
import { reasonOf, watchConnection, type ConnectionListener } from './connection-errors.js';
import { assignedChannels, queueKeys, rateKey, type KeySpace, type QueueKeys } from './keys.js';
import { readIds } from './lane-ids.js';
import { Offers } from './offers.js';

/** One id on its way to a lane. A suspect goes to a lane of its own: a process runs one suspect at a time. */
export interface LaneEntry {
  readonly id: number;
  readonly priority: number;
  readonly isSuspect?: boolean;
}

export interface TakeRequest {
  readonly workerId: string;
  readonly count: number;
  readonly suspects: number;
  /** The oldest id in the worker's processing list, as far as it knows; empty when there should be none. */
  readonly oldest: string;
  /** How many of that list are to be forgotten, from the oldest on, and the last of these. */
  readonly forget: number;
  readonly lastForgotten: string;
}

export interface Taken {
  readonly ids: readonly number[];
  /**
   * The processing list is not as the worker knows it: it was not before, and then nothing of it was forgotten; or there was garbage
   * among what was taken, and all of that is left for a look into the list.
   */
  readonly isListStrange: boolean;
}

/**
 * The lists in Redis that carry job ids to workers. Every method may throw: then Redis is away, and the caller falls
 * back to PostgreSQL. Losing any of it loses no job.
 */
export interface Lanes {
  /** Adds ids to their lanes, at the back, or at the front for jobs that have waited already. */
  push(queue: string, entries: readonly LaneEntry[], end?: 'back' | 'front'): Promise<void>;
  /** Moves ids to the worker's processing list and removes those it asks to forget. */
  take(queue: string, request: TakeRequest): Promise<Taken>;
  /** Empties the processing list of a worker that is still there, and returns what was in it. */
  collect(queue: string, workerId: string): Promise<string[]>;
  /** The same for a worker that is gone: it is forgotten. */
  drain(queue: string, workerId: string): Promise<string[]>;
  /** Whether nobody of these job types (a digest of them) has looked into PostgreSQL for so long; if so, the caller has now. */
  startLook(queue: string, jobTypes: string, forMs: number): Promise<boolean>;
  /** That look found something: others should look, too. */
  voidLook(queue: string, jobTypes: string): Promise<void>;
  keys(queue: string): QueueKeys;
  /** Null in a Cluster, where who publishes does not learn whether anybody heard it. */
  readonly offers: Offers | null;
  /** Counts one more request of a caller in a window that began with its first: how many they are, and how long it lasts. */
  countRequest(caller: string, windowMs: number): Promise<{ count: number; leftMs: number }>;
  /** A connection of one's own for the idle wait. */
  openBlocking(): RedisConnection;
  readonly connection: RedisConnection;
  isAnswering(): Promise<boolean>;
  /** Why something of this failed: of a connection that is away, why it cannot be made. `ConnectionLost`: that is not known yet. */
  reasonOf(error: unknown): unknown;
  close(): Promise<void>;
}

/** More ids in one script would hold up Redis, which does one thing at a time. */
const PUSH_CHUNK = 5_000;
const QUIT_MS = 500;

export async function openLanes(
  address: RedisAddress,
  keySpace: KeySpace,
  listener?: ConnectionListener,
): Promise<Lanes> {
  const connection = connectRedis(address);
  const stopWatching = listener ? watchConnection(connection, listener) : undefined;
  const known = new Map<string, QueueKeys>();
  const keys = (queue: string): QueueKeys => {
    const found = known.get(queue) ?? queueKeys(keySpace, queue);
    known.set(queue, found);
    return found;
  };
  // So that the first push after a start does not meet a connection still being made. Away is fine, too.
  await waitUntilReady(connection, 1_000);

  const offers = 'nodes' in address ? null : new Offers(connection, keys, assignedChannels(keySpace));
  return {
    connection,
    keys,
    offers,
    async push(queue, entries, end = 'back') {
      // What is pushed last to the front leaves first.
      const ordered = end === 'front' ? entries.toReversed() : entries;
      for (let start = 0; start < ordered.length; start += PUSH_CHUNK) {
        const chunk = ordered.slice(start, start + PUSH_CHUNK);
        offers?.note(queue, await connection.holdfastPush(keys(queue).base, end, ...groupByLane(chunk)));
      }
    },
    async take(queue, { workerId, count, suspects, oldest, forget, lastForgotten }) {
      const args = [workerId, count, suspects, oldest, forget, lastForgotten];
      const [taken, text, isKnown] = await connection.holdfastTake(keys(queue).base, ...args);
      const ids = readIds(text);
      if (ids?.length !== taken) return { ids: [], isListStrange: true };
      return { ids, isListStrange: isKnown === 0 };
    },
    collect: (queue, workerId) => connection.holdfastDrain(keys(queue).base, workerId, 'keep'),
    drain: (queue, workerId) => connection.holdfastDrain(keys(queue).base, workerId, 'forget'),
    async startLook(queue, jobTypes, forMs) {
      return (await connection.set(keys(queue).looked(jobTypes), '', 'PX', forMs, 'NX')) !== null;
    },
    async voidLook(queue, jobTypes) {
      await connection.del(keys(queue).looked(jobTypes));
    },
    async countRequest(caller, windowMs) {
      const [count, leftMs] = await connection.holdfastCount(rateKey(keySpace, caller), windowMs);
      return { count, leftMs };
    },
    openBlocking: () => connectRedis(address, 'blocking'),
    isAnswering: () =>
      connection.ping().then(
        () => true,
        () => false,
      ),
    reasonOf: (error) => reasonOf(connection, error),
    async close() {
      stopWatching?.();
      await offers?.close();
      await closeConnection(connection);
    },
  };
}

/** Pushes under way are let through; an absent Redis is not waited for. */
async function closeConnection(connection: RedisConnection): Promise<void> {
  const quit = connection.status === 'ready' ? connection.quit().catch(() => undefined) : undefined;
  if (quit) await Promise.race([quit, wait(QUIT_MS, undefined, { ref: false })]);
  if (connection.status !== 'end') connection.disconnect();
}

/** The push script's arguments: for each lane its name, how many ids, the ids. */
function groupByLane(entries: readonly LaneEntry[]): (string | number)[] {
  const lanes = new Map<string | number, number[]>();
  for (const { id, priority, isSuspect } of entries) {
    const lane = isSuspect ? 'suspects' : priority;
    const ids = lanes.get(lane);
    if (ids) ids.push(id);
    else lanes.set(lane, [id]);
  }
  const args: (string | number)[] = [];
  for (const [lane, ids] of lanes) args.push(lane, ids.length, ...ids);
  return args;
}
