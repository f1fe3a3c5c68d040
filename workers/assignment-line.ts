import type { Installation } from '../shared/installation.js';
import { openAssignment, type Assignment } from '../shared/jobs/assignment.js';
import type { Service } from '../shared/lifecycle/service.js';
import type { RedisConnection } from '../shared/redis/connect-redis.js';
import type { Lanes } from '../shared/redis/lanes.js';
import type { Offers } from '../shared/redis/offers.js';

/** Where a worker hears of the jobs that submitters claimed for it: one connection for all of its queues. */
export class AssignmentLine implements Service {
  readonly name = 'assignment line';
  /** Whether what is sent now will be heard. */
  isOpen = false;
  /** Of the connection: what is offered over one that has ended reaches nobody. */
  number = 0;
  private connection: RedisConnection | undefined;
  private readonly receivers = new Map<number, (assignment: Assignment) => void>();

  constructor(
    private readonly installation: Installation,
    private readonly lanes: Lanes,
    readonly offers: Offers,
    private readonly workerId: string,
    /** Something came for an offer that is void: its jobs are ours in PostgreSQL, and nobody runs them. */
    private readonly onStray: () => void,
  ) {}

  /** `receive` is called with what comes for this claim. */
  expect(batchNo: number, receive: (assignment: Assignment) => void): void {
    this.receivers.set(batchNo, receive);
  }

  forget(batchNo: number): void {
    this.receivers.delete(batchNo);
  }

  async start(): Promise<void> {
    const connection = this.lanes.openBlocking();
    this.connection = connection;
    connection.on('ready', () => void this.listen(connection));
    connection.on('close', () => (this.isOpen = false));
    connection.on('messageBuffer', (channel: Buffer, message: Buffer) =>
      this.receive(channel.toString(), message),
    );
  }

  async stop(): Promise<void> {
    this.isOpen = false;
    if (this.connection && this.connection.status !== 'end') this.connection.disconnect();
    this.connection = undefined;
  }

  private async listen(connection: RedisConnection): Promise<void> {
    const number = ++this.number;
    const subscribed = connection.subscribe(this.offers.channel({ workerId: this.workerId, line: number }));
    this.isOpen = await subscribed.then(
      () => number === this.number,
      () => false,
    );
  }

  private receive(channel: string, message: Buffer): void {
    const assignment = openAssignment(this.installation.seal, channel, message);
    if (!assignment) return;
    const receive = this.receivers.get(assignment.batchNo);
    if (receive) receive(assignment);
    else this.onStray();
  }
}
