import type { Installation } from '../shared/installation.js';
import { dispatchReadyOf } from '../shared/jobs/dispatch-jobs.js';
import { readProcessing } from '../shared/redis/lane-contents.js';
import { toIds } from '../shared/redis/lane-ids.js';
import type { Lanes } from '../shared/redis/lanes.js';
import type { BlockingConnections } from './blocking-connections.js';
import { HandoffWaiter } from './handoff-waiter.js';
import { ProcessingList } from './processing-list.js';
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
  private readonly list = new ProcessingList();
  private forgetTimer: NodeJS.Timeout | undefined;
  /** The processing list may hold what we do not know of, or miss what we do: a pop or a take failed, or one that we gave up was made. */
  private isListStrange = false;
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
  async take(most: number): Promise<readonly number[]> {
    try {
      const held = this.isListStrange ? await this.readList() : [];
      if (held.length > 0) return held;
      const ids = await this.takeFromLanes(most);
      // What came together with garbage, or behind our back, does not wait as long as we do when nothing comes.
      return ids.length === 0 && this.isListStrange ? await this.readList() : ids;
    } catch (error) {
      this.isListStrange = true;
      throw error;
    }
  }

  /**
   * The idle wait: one id with a slot reserved, none when none came in time, or undefined when it could not wait.
   *
   * @throws when Redis is away
   */
  async waitForOne(seconds: number): Promise<readonly number[] | undefined> {
    let id: string | null | undefined;
    try {
      id = await this.waiter.wait(seconds);
    } catch (error) {
      this.isListStrange = true;
      throw error;
    }
    if (id === undefined) return undefined;
    if (id === null) return [];
    const ids = toIds([id]);
    // Garbage lies in the list now: the next take looks into it.
    if (ids.length === 0) {
      this.isListStrange = true;
      return [];
    }
    this.list.add(ids);
    if (this.options.slots.free <= 0) {
      await this.putBack(ids);
      return [];
    }
    this.options.slots.take(1);
    // No take of ours will follow soon: the next idle worker is to be woken all the same.
    if (this.options.slots.free <= 0) void this.flush();
    return ids;
  }

  /** The claim of ids that came together was answered: Redis need not hold them any longer. */
  forget(ids: readonly number[]): void {
    if (this.list.answer(ids)) this.forgetTimer ??= setTimeout(() => void this.flush(), FORGET_AFTER_MS);
  }

  /** Ends a wait under way. */
  interrupt(): void {
    this.waiter.stop();
  }

  /** What was taken but not claimed goes back to its lane. @throws when Redis or PostgreSQL is away: the sweep does it */
  async returnAll(): Promise<void> {
    const { lanes, queue, workerId, installation } = this.options;
    clearTimeout(this.forgetTimer);
    const ids = toIds(await lanes.collect(queue, workerId));
    await dispatchReadyOf(installation, ids, 'front');
  }

  /** Reserves the slots before it asks: other consumers share them. */
  private async takeFromLanes(most: number): Promise<readonly number[]> {
    const { slots, running } = this.options;
    const count = Math.min(slots.free, most);
    slots.take(count);
    let taken = 0;
    try {
      const ids = await this.ask(count, running.hasSuspect ? 0 : 1);
      taken = ids.length;
      this.isDrained = taken < count && !this.isListStrange;
      return ids;
    } finally {
      slots.give(count - taken);
    }
  }

  /** A take of none, for when no other will follow soon: Redis must not hold the ids of finished jobs. */
  private async flush(): Promise<void> {
    // Redis is away: what our list holds is sorted out when it is back.
    await this.ask(0, 0).catch(() => (this.isListStrange = true));
  }

  private async ask(count: number, suspects: number): Promise<readonly number[]> {
    const { lanes, queue, workerId } = this.options;
    clearTimeout(this.forgetTimer);
    this.forgetTimer = undefined;
    const { oldest } = this.list;
    const { count: forget, last: lastForgotten } = this.list.forgetAnswered();
    const request = { workerId, count, suspects, oldest, forget, lastForgotten };
    const { ids, isListStrange } = await lanes.take(queue, request);
    if (isListStrange) this.isListStrange = true;
    this.list.add(ids);
    return ids;
  }

  /** Whatever is in our processing list now; it stays there until its claim is answered. Claims sort out what we know already. */
  private async readList(): Promise<number[]> {
    const { lanes, queue, workerId, slots, installation } = this.options;
    const entries = await readProcessing(lanes, queue, workerId);
    const ids = toIds(entries);
    const garbage = entries.length - ids.length;
    if (garbage > 0) installation.events.emit('garbageDropped', { queue, count: garbage });
    this.isListStrange = false;
    this.list.clear();
    this.list.add(ids, entries);
    slots.take(ids.length);
    return ids;
  }

  /** Another queue of this worker took the last slot meanwhile. */
  private async putBack(ids: readonly number[]): Promise<void> {
    try {
      await dispatchReadyOf(this.options.installation, ids, 'front');
      this.forget(ids);
    } catch {
      // PostgreSQL is away: it stays in our list, and is taken with the next free slot.
      this.isListStrange = true;
    }
  }
}
