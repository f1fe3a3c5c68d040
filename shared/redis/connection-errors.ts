import type { Cluster, Redis } from 'ioredis';
import { ConnectionLost, messageOf } from '../errors.js';

type Connection = Redis | Cluster;

/** Since the connection was last ready. */
const lastErrors = new WeakMap<object, Error>();

/**
 * Keeps why a connection cannot be made (again): the commands that fail meanwhile do not say. Without a listener ioredis
 * would print each 'error' event.
 */
export function keepLastError(connection: Connection): void {
  connection.on('error', (error: Error) => void lastErrors.set(connection, describeError(error)));
  connection.on('ready', () => void lastErrors.delete(connection));
}

/** What ioredis says of commands while there is no connection, and of a Cluster of whose nodes none is left. */
const HOLLOW =
  /^(Reached the max retries per request|(Stream|Cluster) isn't (writeable|ready)|Connection is closed|Command aborted|Failed to refresh slots|None of startup nodes)/;
const NO_ANSWER = /^(Socket timeout|Command timed out)/;

/** Why a command failed: its own error, or, where that tells only that there is no connection, why there is none. */
export function reasonOf(connection: Connection, error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  if (HOLLOW.test(error.message)) return lastErrors.get(connection) ?? new ConnectionLost();
  return NO_ANSWER.test(error.message) ? describeError(error) : error;
}

/** Anew, without what ioredis attaches: the command, which may be AUTH with its password. */
function describeError(error: Error): Error {
  const { lastNodeError } = error as { lastNodeError?: unknown };
  return new Error(wordsFor(messageOf(lastNodeError ?? error)));
}

function wordsFor(message: string): string {
  if (NO_ANSWER.test(message)) return 'Redis did not answer in time';
  // With a pause in it that differs each time, and seldom a reason.
  if (message.startsWith('All sentinels are unreachable')) return 'none of REDIS_SENTINELS can be reached';
  return HOLLOW.test(message) ? 'no node of the Redis Cluster can be reached' : message;
}

export interface ConnectionListener {
  /** It cannot be made, or not again. Told once until it is back, and once more when the reason changes. */
  readonly onLost: (error: Error) => void;
  readonly onFound: () => void;
}

/**
 * Tells when a connection is lost and found again. One that is closed and made anew at once, as servers do with idle ones, is not
 * worth a word. Returns what ends it.
 */
export function watchConnection(connection: Connection, { onLost, onFound }: ConnectionListener): () => void {
  let told: string | undefined;
  let hasEnded = false;
  const tell = () => {
    const error = lastErrors.get(connection);
    if (hasEnded || !error || error.message === told) return;
    told = error.message;
    onLost(error);
  };
  connection.on('close', tell);
  // Where all Sentinels are away no connection is begun, and none is closed. An error later on may be of a detail, such as SELECT.
  connection.on('error', () => {
    if (connection.status === 'connecting') tell();
  });
  connection.on('ready', () => {
    if (told !== undefined && !hasEnded) onFound();
    told = undefined;
  });
  return () => {
    hasEnded = true;
  };
}
