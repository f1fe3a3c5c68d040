import { waitUntilReady, type RedisConnection } from '../shared/redis/connect-redis.js';
import type { Lanes } from '../shared/redis/lanes.js';

const WAIT_SECONDS = 1;
/** A blocked pop must not outlive a Redis that went away without a word. */
const WATCHDOG_MS = WAIT_SECONDS * 1_000 + 1_500;

/**
 * The idle wait: BRPOPLPUSH from `handoff` to the processing list, on a connection of its own. (Redis calls it BLMOVE RIGHT
 * LEFT nowadays; every server knows this name.)
 */
export class HandoffWaiter {
  private connection: RedisConnection | undefined;
  private stopWaiting: (() => void) | undefined;
  private isStopped = false;

  constructor(
    private readonly lanes: Lanes,
    private readonly queue: string,
    private readonly workerId: string,
  ) {}

  /** An id, or null when none came within about a second. @throws when Redis is away; an id may then lie in processing */
  async wait(): Promise<string | null> {
    if (this.isStopped) return null;
    this.connection ??= this.lanes.openBlocking();
    if (!(await waitUntilReady(this.connection, 1_000)))
      throw new Error('the blocking connection to Redis is not ready');
    const keys = this.lanes.keys(this.queue);
    const popped = this.connection.brpoplpush(keys.handoff, keys.processing(this.workerId), WAIT_SECONDS);
    popped.catch(() => undefined);
    let timer: NodeJS.Timeout | undefined;
    const stopped = new Promise<null>((resolve, reject) => {
      this.stopWaiting = () => resolve(null);
      timer = setTimeout(() => reject(new Error('Redis did not end a blocking pop in time')), WATCHDOG_MS);
    });
    try {
      return await Promise.race([popped, stopped]);
    } catch (error) {
      this.disconnect();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends the wait. What it may have popped at this very moment lies in the processing list. */
  stop(): void {
    this.isStopped = true;
    this.stopWaiting?.();
    this.disconnect();
  }

  private disconnect(): void {
    if (this.connection && this.connection.status !== 'end') this.connection.disconnect();
    this.connection = undefined;
  }
}
