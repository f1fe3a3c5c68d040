import type { Installation } from '../shared/installation.js';
import { dispatchReadyOf } from '../shared/jobs/dispatch-jobs.js';
import { toIds } from '../shared/redis/lane-contents.js';
import type { Lanes } from '../shared/redis/lanes.js';
import type { BlockingConnections } from './blocking-connections.js';
import { HandoffWaiter } from './handoff-waiter.js';
import type { RunningAttempts } from './running-attempts.js';
import type { Slots } from './slots.js';

export interface TakerOptions {
  readonly installation: Installation;
  readonly lanes: Lanes;
  readonly connections: BlockingConnections;
  readonly workerId: string;
  readonly queue: string;
  readonly slots: Slots;
  readonly running: RunningAttempts;
}

/** Nobody waits for it, and as a rule the next take comes first. */
const FORGET_AFTER_MS = 50;

/** Takes a queue's ids from Redis, and keeps the worker's processing list there. */
export class Taker {
  private readonly waiter: HandoffWaiter;
  /** Ids whose claims have been answered; the next take removes them from the processing list. */
  private answered: string[] = [];
  private forgetTimer: NodeJS.Timeout | undefined;
  /** Ids may lie in the processing list that nobody here knows of: a pop or take failed, or its id could not be put back. */
  private hasStrayIds = false;
  /** The last take got less than it asked for: the lanes are empty, and slots are free. */
  isDrained = false;

  constructor(private readonly options: TakerOptions) {
    const { lanes, connections, queue, workerId } = options;
    this.waiter = new HandoffWaiter(connections, lanes.keys(queue), workerId);
  }

  /**
   * Ids for as many free slots as there are, `most` at most, each with a slot reserved.
   *
   * @throws when Redis is away
   */
  async take(most: number): Promise<string[]> {
    try {
      const stray = this.hasStrayIds ? await this.collectStrayIds() : [];
      return stray.length > 0 ? stray : await this.takeFromLanes(most);
    } catch (error) {
      this.hasStrayIds = true;
      throw error;
    }
  }

  /**
   * The idle wait: an id with a slot reserved, null when none came, or undefined when it could not wait.
   *
   * @throws when Redis is away
   */
  async waitForOne(): Promise<string | null | undefined> {
    let id: string | null | undefined;
    try {
      id = await this.waiter.wait();
    } catch (error) {
      this.hasStrayIds = true;
      throw error;
    }
    if (typeof id !== 'string') return id;
    if (this.options.slots.free <= 0) {
      await this.putBack(id);
      return null;
    }
    this.options.slots.take(1);
    // No take of ours will follow soon: the next idle worker is to be woken all the same.
    if (this.options.slots.free <= 0) void this.flush();
    return id;
  }

  /** Their claim was answered: Redis need not hold them any longer. */
  forget(ids: readonly string[]): void {
    this.answered.push(...ids);
    this.forgetTimer ??= setTimeout(() => void this.flush(), FORGET_AFTER_MS);
  }

  /** For when nothing is under way: what lies in our list got there behind our back, by a pop that we had given up. */
  lookForStrayIds(): void {
    if (this.answered.length === 0) this.hasStrayIds = true;
  }

  /** Ends a wait under way. */
  interrupt(): void {
    this.waiter.stop();
  }

  /** What was taken but not claimed goes back to its lane. @throws when Redis or PostgreSQL is away: the sweep does it */
  async returnAll(): Promise<void> {
    const { lanes, queue, workerId, installation } = this.options;
    this.takeAnswered();
    const ids = toIds(await lanes.collect(queue, workerId));
    await dispatchReadyOf(installation, ids, 'front');
  }

  /** Reserves the slots before it asks: other consumers share them. */
  private async takeFromLanes(most: number): Promise<string[]> {
    const { lanes, queue, workerId, slots, running } = this.options;
    const count = Math.min(slots.free, most);
    slots.take(count);
    const forget = this.takeAnswered();
    let taken = 0;
    try {
      const ids = await lanes.take(queue, { workerId, count, suspects: running.hasSuspect ? 0 : 1, forget });
      taken = ids.length;
      this.isDrained = taken < count;
      return ids;
    } finally {
      slots.give(count - taken);
    }
  }

  /** When no take has carried these along: Redis must not hold the ids of finished jobs. */
  private async flush(): Promise<void> {
    const { lanes, queue, workerId } = this.options;
    const forget = this.takeAnswered();
    // Redis is away: they go with the next ones.
    await lanes
      .take(queue, { workerId, count: 0, suspects: 0, forget })
      .catch(() => this.answered.push(...forget));
  }

  private takeAnswered(): string[] {
    clearTimeout(this.forgetTimer);
    this.forgetTimer = undefined;
    return this.answered.splice(0);
  }

  /** Whatever is in our processing list now: claims sort out what we know already. */
  private async collectStrayIds(): Promise<string[]> {
    const { lanes, queue, workerId, slots } = this.options;
    const ids = await lanes.collect(queue, workerId);
    this.hasStrayIds = false;
    slots.take(ids.length);
    return ids;
  }

  /** Another queue of this worker took the last slot meanwhile. */
  private async putBack(id: string): Promise<void> {
    try {
      await dispatchReadyOf(this.options.installation, toIds([id]), 'front');
      this.forget([id]);
    } catch {
      // PostgreSQL is away: it stays in our list, and is taken with the next free slot.
      this.hasStrayIds = true;
    }
  }
}
