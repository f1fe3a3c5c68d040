import { monotonicMs } from '../shared/time/monotonic.js';
import { ClaimAhead } from './claim-ahead.js';

/** A claimed job on its way into a slot. */
export interface SlotUse {
  /** Runs it to its end; never rejects. */
  run(): Promise<void>;
  /** It will not begin here: somebody else is to run it. */
  giveUp(why: string): void;
}

interface Waiting {
  readonly use: SlotUse;
  readonly sinceMs: number;
}

/** A quarter of the slots is worth a claim of its own; fewer linger for so long. */
const LINGER_MS = 3;
/** A job claimed ahead is expected to begin within milliseconds. Beyond this the expectation was wrong. */
const MOST_WAIT_MS = 1_000;

/**
 * How many jobs may run at once, who waits for a free place, and how many may be claimed ahead. A place is reserved before
 * a job is asked for; it is given back when none came, or when it has ended.
 */
export class Slots {
  private reserved = 0;
  private running = 0;
  /** Claimed ahead, in the order of their claims. */
  private readonly ahead: Waiting[] = [];
  private readonly claimAhead = new ClaimAhead(LINGER_MS);
  private giveUpTimer: NodeJS.Timeout | undefined;
  /** Consumers of several queues may share the slots, and wait at the same time. */
  private readonly waiting = new Set<() => void>();
  /** Those who hold places for what may never come. */
  private readonly holders = new Set<() => void>();

  constructor(readonly total: number) {}

  /** Places to be reserved, those for jobs claimed ahead among them. */
  get free(): number {
    const ahead = Math.min(this.total, this.claimAhead.count(this.running));
    return Math.max(0, this.total + ahead - this.reserved);
  }

  /** Free places beyond one for each consumer that may be waiting for an id. */
  get spare(): number {
    return this.free - this.holders.size;
  }

  take(count: number): void {
    this.reserved += count;
  }

  give(count: number): void {
    this.reserved -= count;
    if (this.free > 0) this.interrupt();
  }

  /** `give` is called when places are needed: it gives back those that are held for what may never come. */
  whenScarce(give: () => void): void {
    this.holders.add(give);
  }

  /** How long claims take decides how many jobs are claimed ahead. */
  async timeClaim<T>(claim: () => Promise<T>): Promise<T> {
    const askedMs = monotonicMs();
    const answer = await claim();
    this.claimAhead.noteClaim(monotonicMs() - askedMs);
    return answer;
  }

  /** Puts a claimed job into the place that was reserved for it, at once or when a job that runs has ended. */
  fill(use: SlotUse): void {
    if (this.running < this.total) return this.begin(use);
    this.ahead.push({ use, sinceMs: monotonicMs() });
    this.giveUpTimer ??= setTimeout(() => this.giveUpOld(), MOST_WAIT_MS);
  }

  /** Gives up what was claimed ahead. */
  giveUpAhead(why: string): void {
    clearTimeout(this.giveUpTimer);
    this.giveUpTimer = undefined;
    this.giveUpFirst(this.ahead.length, why);
  }

  /** Ends all waits under way: something changed, or stopping. */
  interrupt(): void {
    for (const wake of this.waiting) wake();
  }

  /**
   * Resolves when a place is free. Then it lingers for a moment, so that jobs which end together are replaced by one
   * take instead of many: until as many as a quarter of the slots are free.
   */
  async whenFree(): Promise<void> {
    if (this.free <= 0) {
      for (const give of this.holders) give();
      await this.nextChange();
    }
    const worthIt = Math.ceil(this.total / 4);
    const giveUpAt = performance.now() + LINGER_MS;
    // A turn of the event loop first: what ended in this one has then been counted.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.free < worthIt && performance.now() < giveUpAt)
      await this.nextChange(giveUpAt - performance.now());
  }

  private begin(use: SlotUse): void {
    this.running++;
    const beganMs = monotonicMs();
    // It never rejects, and `finally` costs three times as much.
    void use.run().then(() => {
      this.running--;
      this.claimAhead.noteEnd(monotonicMs() - beganMs);
      // A process that was frozen may own nothing any more, and hear of it later.
      if (this.isOverdue(this.ahead[0])) this.giveUpOld();
      const next = this.ahead.shift();
      if (next) this.begin(next.use);
      this.give(1);
    });
  }

  private isOverdue(waiting: Waiting | undefined): boolean {
    return waiting !== undefined && monotonicMs() - waiting.sinceMs >= MOST_WAIT_MS;
  }

  private giveUpOld(): void {
    clearTimeout(this.giveUpTimer);
    const kept = this.ahead.findIndex((waiting) => !this.isOverdue(waiting));
    this.giveUpFirst(kept === -1 ? this.ahead.length : kept, 'no slot came free for it in time');
    const [oldest] = this.ahead;
    const restMs = oldest && oldest.sinceMs + MOST_WAIT_MS - monotonicMs();
    this.giveUpTimer = restMs === undefined ? undefined : setTimeout(() => this.giveUpOld(), restMs);
  }

  private giveUpFirst(count: number, why: string): void {
    for (const { use } of this.ahead.splice(0, count)) use.giveUp(why);
    this.give(count);
  }

  private async nextChange(mostMs?: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.waiting.delete(wake);
        resolve();
      };
      const timer = mostMs === undefined ? undefined : setTimeout(wake, Math.max(1, mostMs));
      this.waiting.add(wake);
    });
  }
}
