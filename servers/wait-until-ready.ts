import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import pg from 'pg';
import { messageOf } from '../shared/errors.js';
import type { ExitStatus } from './supervisor-protocol.js';

const PROBE_LIMIT_MS = 2_000;
const PAUSE_BETWEEN_PROBES_MS = 30;

/** Asks until the server answers. Gives up when the time is over or the server has ended. */
export async function waitUntilReady(
  probe: () => Promise<void>,
  limitMs: number,
  exited = new Promise<ExitStatus>(() => undefined),
): Promise<void> {
  const deadline = Date.now() + limitMs;
  let end: ExitStatus | undefined;
  void exited.then((status) => (end = status));
  for (;;) {
    const failure = await probe().then(
      () => null,
      (error: unknown) => error,
    );
    if (end !== undefined) throw new Error(describeExit(end));
    if (failure === null) return;
    if (Date.now() > deadline) {
      throw new Error(`no answer within ${limitMs / 1000} s (${messageOf(failure)})`, { cause: failure });
    }
    await Promise.race([exited, delay(PAUSE_BETWEEN_PROBES_MS)]);
  }
}

export function describeExit({ code, signal }: ExitStatus): string {
  return signal === null ? `it ended with exit code ${code ?? 'unknown'}` : `it was ended by ${signal}`;
}

/** Settles with the answer to one query on a fresh connection. */
export async function askPostgres(url: string, query = 'select 1'): Promise<unknown> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: PROBE_LIMIT_MS,
    query_timeout: PROBE_LIMIT_MS,
  });
  // A server that goes away mid-probe is a failed probe, which the promise reports; without a listener it is a crash.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<unknown[]>({ text: query, rowMode: 'array' });
    return rows[0]?.[0];
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** PINGs on a fresh connection and settles with the lines of INFO server. */
export async function askRedis(url: string): Promise<string> {
  const client = new Redis(url, {
    lazyConnect: true,
    connectTimeout: PROBE_LIMIT_MS,
    commandTimeout: PROBE_LIMIT_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  let reason: Error | undefined;
  client.on('error', (error: Error) => (reason = error));
  try {
    await client.connect();
    await client.ping();
    return await client.info('server');
  } catch (error) {
    // `connect` says only "Connection is closed."; the event carries why.
    throw reason ?? error;
  } finally {
    // On a connection that has ended already, `disconnect` would wait for a second end and keep the process alive.
    if (client.status !== 'end') client.disconnect();
  }
}
