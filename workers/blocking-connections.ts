import type { Service } from '../shared/lifecycle/service.js';
import type { RedisConnection } from '../shared/redis/connect-redis.js';
import type { Lanes } from '../shared/redis/lanes.js';

/** A worker of more queues looks into the others in between. */
const MOST = 16;

/** The connections on which a worker's consumers block: a bounded number, passed from queue to queue. */
export class BlockingConnections implements Service {
  readonly name = 'blocking connections';
  private readonly idle: RedisConnection[] = [];
  private lent = 0;

  constructor(
    private readonly lanes: Lanes,
    private readonly most = MOST,
  ) {}

  /** Undefined: all of them are in use. */
  lend(): RedisConnection | undefined {
    if (this.lent >= this.most) return undefined;
    this.lent++;
    return this.idle.pop() ?? this.lanes.openBlocking();
  }

  /** Takes back a connection on which nothing is under way any more. */
  giveBack(connection: RedisConnection): void {
    this.lent--;
    this.idle.push(connection);
  }

  /** Takes back one that failed, or still waits. */
  discard(connection: RedisConnection): void {
    this.lent--;
    disconnect(connection);
  }

  async start(): Promise<void> {
    // They are opened when they are needed.
  }

  async stop(): Promise<void> {
    this.idle.splice(0).forEach(disconnect);
  }
}

function disconnect(connection: RedisConnection): void {
  if (connection.status !== 'end') connection.disconnect();
}
