import { monotonicMs } from '../time/monotonic.js';
import { within } from '../time/within.js';
import type { RedisConnection } from './connect-redis.js';
import type { QueueKeys } from './keys.js';

/** What a worker that waits lets a submitter do, once: claim up to `count` jobs in its name, as its claim `batchNo`. */
export interface Offer {
  readonly workerId: string;
  /** The connection on which the worker listens, numbered from 1. */
  readonly line: number;
  readonly batchNo: number;
  readonly count: number;
}

/** Jobs in one offer at most. */
export const MOST_OFFERED = 8;

/** Nobody waits longer than this for a hint. */
const MOST_WAIT_MS = 20;
/** An offer in hand for the next submit: whoever submits next may be another one. */
const HELD_MS = 50;
/** After a message that did not arrive: something is wrong with this way, and there is the other one. */
const DISTRUST_MS = 10_000;
/** What workers that crashed left there is dropped when it is met; what nobody meets, in the end. */
const MOST_LISTED = 10_000;

/** Where an offer is answered: the channel's name ends with it. */
const addressOf = ({ workerId, line }: Pick<Offer, 'workerId' | 'line'>): string => `${workerId}:${line}`;

const toEntry = (offer: Offer): string => `${offer.batchNo}:${offer.count}:${addressOf(offer)}`;

function toOffer(entry: string | null): Offer | undefined {
  const [, batchNo, count, workerId, line] = /^(\d+):(\d+):([^:]+):(\d+)$/.exec(entry ?? '') ?? [];
  if (workerId === undefined) return undefined;
  return { batchNo: Number(batchNo), count: Number(count), workerId, line: Number(line) };
}

/**
 * The list of a queue's offers in Redis, and the channels to those who make them. Like all in Redis it may be lost: a worker
 * whose offer vanished makes another one, and a job that was claimed for a worker which does not hear of it is released.
 */
export class Offers {
  /** Queues that had offers when Redis was last asked for something else. */
  private readonly known = new Set<string>();
  private readonly held = new Map<string, { offer: Offer; timer: NodeJS.Timeout }>();
  private distrustedUntil = -Infinity;

  constructor(
    private readonly connection: RedisConnection,
    private readonly keys: (queue: string) => QueueKeys,
    /** What the names of the workers' channels begin with. */
    private readonly channels: string,
  ) {}

  /** Told by each push. */
  note(queue: string, listed: number): void {
    if (listed > 0) this.known.add(queue);
    else this.known.delete(queue);
  }

  /** Whether it is worth a question. */
  mayHave(queue: string): boolean {
    return this.known.has(queue) && monotonicMs() >= this.distrustedUntil;
  }

  distrust(): void {
    this.distrustedUntil = monotonicMs() + DISTRUST_MS;
  }

  /**
   * An offer for so many jobs, if there is one and nothing else waits in the queue. Never throws, and returns within `mostWaitMs`
   * (default 20).
   */
  async take(queue: string, count: number, mostWaitMs = MOST_WAIT_MS): Promise<Offer | undefined> {
    const held = this.takeHeld(queue);
    if (held && held.count >= count) return held;
    if (held) void this.giveBack(queue, held);
    const { base } = this.keys(queue);
    const asked = this.connection.holdfastTakeOffer(base, count, this.channels).catch(() => {
      this.distrust();
      return null;
    });
    const tooLate = () => new Error(`Redis did not answer within ${mostWaitMs} ms`);
    const entry = await within(mostWaitMs, asked, tooLate).catch(() => {
      void asked.then((late) => this.returnLate(queue, toOffer(late)));
      return null;
    });
    const offer = toOffer(entry);
    if (!offer) this.known.delete(queue);
    return offer;
  }

  /** Returns an offer that was not used, behind all others. Never throws. */
  async giveBack(queue: string, offer: Offer): Promise<void> {
    await this.connection.lpush(this.keys(queue).offers, toEntry(offer)).catch(() => undefined);
  }

  /** Tells a worker. Resolves with whether anybody heard it. @throws when Redis is away: then nobody knows */
  async send(queue: string, offer: Offer, message: Buffer): Promise<boolean> {
    const { base } = this.keys(queue);
    const [heard, entry] = await this.connection.holdfastAssign(
      base,
      this.channels,
      addressOf(offer),
      message,
    );
    const next = toOffer(entry);
    if (next) this.hold(queue, next);
    return heard > 0;
  }

  /** What is held goes back. */
  async close(): Promise<void> {
    await Promise.all([...this.held.keys()].map((queue) => this.dropHeld(queue)));
  }

  /** @throws when Redis is away */
  async make(queue: string, offers: readonly Offer[]): Promise<void> {
    const list = this.keys(queue).offers;
    const length = await this.connection.lpush(list, ...offers.map(toEntry));
    if (length > MOST_LISTED) await this.connection.ltrim(list, 0, MOST_LISTED - 1);
  }

  /** For each, whether it was still there. @throws when Redis is away */
  async withdraw(queue: string, offers: readonly Offer[]): Promise<boolean[]> {
    const list = this.keys(queue).offers;
    const removed = await Promise.all(offers.map((offer) => this.connection.lrem(list, -1, toEntry(offer))));
    return removed.map((count) => count > 0);
  }

  /** For each, whether it is still there. @throws when Redis is away */
  async areListed(queue: string, offers: readonly Offer[]): Promise<boolean[]> {
    const list = this.keys(queue).offers;
    const places = await Promise.all(offers.map((offer) => this.connection.lpos(list, toEntry(offer))));
    return places.map((place) => place !== null);
  }

  /** Where a worker hears what was assigned to it. */
  channel(listener: Pick<Offer, 'workerId' | 'line'>): string {
    return this.channels + addressOf(listener);
  }

  /** It came when nobody waited for it any more. */
  private async returnLate(queue: string, offer: Offer | undefined): Promise<void> {
    if (offer) await this.giveBack(queue, offer);
  }

  private hold(queue: string, offer: Offer): void {
    void this.dropHeld(queue);
    this.held.set(queue, { offer, timer: setTimeout(() => void this.dropHeld(queue), HELD_MS) });
  }

  private takeHeld(queue: string): Offer | undefined {
    const held = this.held.get(queue);
    clearTimeout(held?.timer);
    this.held.delete(queue);
    return held?.offer;
  }

  private async dropHeld(queue: string): Promise<void> {
    const offer = this.takeHeld(queue);
    if (offer) await this.giveBack(queue, offer);
  }
}
