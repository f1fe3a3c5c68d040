import { randomBytes } from 'node:crypto';
import type { Client } from 'pg';
import { unlessAborted } from '../time/unless-aborted.js';
import type { Database } from './create-database.js';
import { toldProcessId } from './told-process-id.js';

export interface EarOptions {
  readonly db: Database;
  /** A name that needs no quotes. */
  readonly channel: string;
  readonly onMessage: (payload: string) => void;
  /** The connection is gone, and nobody closed it. */
  readonly onLost: () => void;
}

/** How long a message of our own may take from its COMMIT until it is heard. */
const ECHO_LIMIT_MS = 2_000;

/**
 * LISTENs on a connection of its own, and can tell whether it hears: behind a pooler in transaction mode LISTEN succeeds,
 * and then all is quiet; over a connection that died unnoticed as well. For one life: it is opened once and closed once.
 */
export class Ear {
  private readonly closing = new AbortController();
  /**
   * Of nobody else, and the first that is listened to: in vain, the pooler keeps the LISTEN on some connection of its own,
   * where each message of a busy channel would be a warning in its log.
   */
  private readonly echoChannel = `holdfast_echo_${randomBytes(6).toString('hex')}`;
  private client: Client | undefined;
  private isListening = false;
  private onEcho: () => void = () => undefined;
  private hasPooler = false;

  constructor(private readonly options: EarOptions) {}

  /** Whether there is a pooler in between, of whatever mode. Known once it is open. */
  get isPooled(): boolean {
    return this.hasPooler;
  }

  /** Hears nothing before `hearsItself`. @throws PostgresError, or pg's own error */
  async open(): Promise<void> {
    const { db, channel, onMessage, onLost } = this.options;
    const client = await db.connectDirectly(this.closing.signal);
    this.client = client;
    client.on('notification', (message) => {
      if (message.channel === this.echoChannel) this.onEcho();
      if (message.channel === channel) onMessage(message.payload ?? '');
    });
    client.on('end', () => {
      if (!this.closing.signal.aborted) onLost();
    });
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    this.hasPooler = toldProcessId(client) !== rows[0]?.pid;
    await client.query(`LISTEN ${this.echoChannel}`);
  }

  /**
   * Sends a message through the pool and waits for it; once one was heard, the channel is listened to.
   *
   * @throws PostgresError when it could not be sent; Error when closed
   */
  async hearsItself(): Promise<boolean> {
    const { db, channel } = this.options;
    const { signal } = this.closing;
    const heard = new Promise<boolean>((resolve) => {
      const onEcho = () => resolve(true);
      this.onEcho = onEcho;
    });
    await unlessAborted(signal, db.query(`SELECT pg_notify($1, '')`, [this.echoChannel]));
    let timer: NodeJS.Timeout | undefined;
    const silence = new Promise<boolean>((resolve) => (timer = setTimeout(resolve, ECHO_LIMIT_MS, false)));
    const hasHeard = await unlessAborted(signal, Promise.race([heard, silence])).finally(() =>
      clearTimeout(timer),
    );
    if (hasHeard && !this.isListening) await this.client?.query(`LISTEN ${channel}`);
    this.isListening ||= hasHeard;
    return hasHeard;
  }

  /** At once, also while it opens and over a dead connection. */
  close(): void {
    this.closing.abort();
  }
}
