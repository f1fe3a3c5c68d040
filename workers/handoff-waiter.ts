import { waitUntilReady, type RedisConnection } from '../shared/redis/connect-redis.js';
import type { QueueKeys } from '../shared/redis/keys.js';
import type { BlockingConnections } from './blocking-connections.js';

/** A blocked pop must not outlive a Redis that went away without a word. */
const LATE_MS = 1_500;

/**
 * The idle wait: BRPOPLPUSH from `handoff` to the processing list, on a connection of its own. (Redis calls it BLMOVE RIGHT
 * LEFT nowadays; every server knows this name.)
 */
export class HandoffWaiter {
  private stopWaiting: (() => void) | undefined;
  private isStopped = false;

  constructor(
    private readonly connections: BlockingConnections,
    private readonly keys: QueueKeys,
    private readonly workerId: string,
  ) {}

  /**
   * An id, null when none came within so many seconds, or undefined when no connection was free to wait on.
   *
   * @throws when Redis is away; an id may then lie in processing
   */
  async wait(seconds: number): Promise<string | null | undefined> {
    if (this.isStopped) return null;
    const connection = this.connections.lend();
    if (!connection) return undefined;
    let isAtRest = false;
    try {
      const id = await this.pop(connection, seconds);
      isAtRest = !this.isStopped;
      return id;
    } finally {
      if (isAtRest) this.connections.giveBack(connection);
      else this.connections.discard(connection);
    }
  }

  /** Ends the wait. What it may have popped at this very moment lies in the processing list. */
  stop(): void {
    this.isStopped = true;
    this.stopWaiting?.();
  }

  private async pop(connection: RedisConnection, seconds: number): Promise<string | null> {
    if (!(await waitUntilReady(connection, 1_000)))
      throw new Error('the blocking connection to Redis is not ready');
    if (this.isStopped) return null;
    const processing = this.keys.processing(this.workerId);
    const popped = connection.brpoplpush(this.keys.handoff, processing, seconds);
    popped.catch(() => undefined);
    let timer: NodeJS.Timeout | undefined;
    const stopped = new Promise<null>((resolve, reject) => {
      const stop = () => resolve(null);
      this.stopWaiting = stop;
      const late = () => reject(new Error('Redis did not end a blocking pop in time'));
      timer = setTimeout(late, seconds * 1_000 + LATE_MS);
    });
    return Promise.race([popped, stopped]).finally(() => clearTimeout(timer));
  }
}
