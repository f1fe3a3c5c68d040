import { messageOf } from '../shared/errors.js';
import type { Service } from '../shared/lifecycle/service.js';
import type { Installation } from '../shared/installation.js';
import type { ClaimedJob } from '../shared/jobs/claimed-job.js';
import { dispatchReadyOf } from '../shared/jobs/dispatch-jobs.js';
import { toIds } from '../shared/redis/lane-contents.js';
import type { Lanes } from '../shared/redis/lanes.js';
import { InterruptibleWait } from '../shared/time/interruptible-wait.js';
import { jitter } from '../shared/time/loop.js';
import type { Claimer } from './claimer.js';
import { HandoffWaiter } from './handoff-waiter.js';
import type { RunningAttempts } from './running-attempts.js';
import type { Settler } from './settler.js';
import type { Slots } from './slots.js';

export interface ConsumerOptions {
  readonly installation: Installation;
  readonly workerId: string;
  readonly queue: string;
  readonly slots: Slots;
  /** How many consumers of the worker may block on Redis at once; the others look in between. */
  readonly waitPermits: Slots;
  readonly claimer: Claimer;
  readonly settler: Settler;
  readonly running: RunningAttempts;
  readonly pollIntervalMs: number;
  /** Runs a claimed job to its end and settles it; never throws. */
  execute(job: ClaimedJob): Promise<void>;
}

/** A batch larger than this is no faster, and unfair to other workers. */
const MAX_BATCH = 500;
/** While Redis is away the poll is the dispatch. */
const MOST_POLL_MS_WITHOUT_REDIS = 500;
/** A job younger than this may be on its way through Redis. */
const POLL_READY_FOR_MS = 2_000;
const SLOT_LINGER_MS = 3;
const WAIT_WITHOUT_PERMIT_MS = 250;

/** Brings a queue's jobs to free slots: take, claim, execute; wait when there is nothing. */
export class Consumer implements Service {
  readonly name: string;
  private readonly waiter: HandoffWaiter | undefined;
  private readonly lanes: Lanes | null;
  private readonly pause = new InterruptibleWait();
  private readonly claims = new Set<Promise<void>>();
  private loop: Promise<void> | undefined;
  private isStopping = false;
  private isRedisAway = false;
  /** Until a take has succeeded again. */
  private wasRedisAway = false;
  /** Claims in a row that got nothing: ids of paused queues, or of types that other workers handle. */
  private emptyClaims = 0;
  private isPostgresAway = false;
  private isResting = false;
  /** A pop or take failed: ids may lie in our processing list that we do not know of. */
  private hasStrayIds = false;
  private forget: string[] = [];
  private nextPollAt = 0;

  constructor(private readonly options: ConsumerOptions) {
    const { installation, queue, workerId } = options;
    this.name = `consumer of ${queue}`;
    this.lanes = installation.lanes;
    this.waiter = this.lanes ? new HandoffWaiter(this.lanes, queue, workerId) : undefined;
  }

  async start(): Promise<void> {
    this.loop ??= this.run();
  }

  /** Stops taking; jobs already claimed go on. Ids taken but not claimed go back to their lane. */
  async stop(): Promise<void> {
    this.isStopping = true;
    this.waiter?.stop();
    this.pause.interrupt();
    this.options.slots.interrupt();
    await this.loop;
    await Promise.all(this.claims);
    await this.returnProcessing().catch(() => undefined);
  }

  private async run(): Promise<void> {
    while (!this.isStopping) {
      try {
        await this.step();
      } catch (error) {
        this.options.installation.logger.error(`${this.name}: a step failed`, { error: messageOf(error) });
        await this.pause.wait(1_000);
      }
    }
  }

  /** One turn; every way out of it leads to the next. */
  private async step(): Promise<void> {
    const { slots, settler } = this.options;
    if (settler.isFull) return this.rest(50);
    if (this.emptyClaims > 1)
      await this.rest(jitter(Math.min(25 * 2 ** Math.min(this.emptyClaims, 6), 1_000)));
    if (slots.free <= 0) return this.restUntilSlot();
    if (!this.lanes || this.isRedisAway) return this.workWithoutRedis();
    try {
      const ids = this.hasStrayIds ? await this.collectStrayIds(this.lanes) : await this.take(this.lanes);
      if (this.wasRedisAway) this.options.installation.events.emit('redisBack');
      this.wasRedisAway = false;
      if (ids.length > 0) return await this.launch(ids);
      await this.waitForWork();
    } catch (error) {
      // Out of memory Redis still answers PING: one failure is told, and not tried again at once.
      if (!this.wasRedisAway) this.options.installation.events.emit('redisAway', { error });
      this.isRedisAway = this.wasRedisAway = true;
      this.hasStrayIds = true;
    }
  }

  /** Reserves the slots before it asks: other consumers share them. */
  private async take(lanes: Lanes): Promise<string[]> {
    const { queue, workerId, slots, running } = this.options;
    const count = Math.min(slots.free, MAX_BATCH);
    slots.take(count);
    const forget = this.forget.splice(0);
    let taken = 0;
    try {
      const ids = await lanes.take(queue, { workerId, count, suspects: running.hasSuspect ? 0 : 1, forget });
      taken = ids.length;
      return ids;
    } finally {
      slots.give(count - taken);
    }
  }

  /** Whatever is in our processing list now: claims sort out what we know already. */
  private async collectStrayIds(lanes: Lanes): Promise<string[]> {
    const { queue, workerId, slots } = this.options;
    const ids = await lanes.drain(queue, workerId);
    this.hasStrayIds = false;
    slots.take(ids.length);
    return ids;
  }

  private async waitForWork(): Promise<void> {
    const id = await this.waitForHandoff();
    if (id !== null) {
      if (this.options.slots.free > 0) {
        this.options.slots.take(1);
        return this.launch([id]);
      }
      // Another queue of this worker took the last slot meanwhile.
      this.forget.push(id);
      await dispatchReadyOf(this.options.installation, toIds([id]), 'front');
      return;
    }
    if (performance.now() >= this.nextPollAt && !this.isStopping) await this.poll(POLL_READY_FOR_MS);
  }

  private async waitForHandoff(): Promise<string | null> {
    const { waitPermits } = this.options;
    if (!this.waiter || waitPermits.free <= 0) {
      await this.rest(jitter(WAIT_WITHOUT_PERMIT_MS));
      return null;
    }
    waitPermits.take(1);
    const waiter = this.waiter;
    return this.resting(() => waiter.wait()).finally(() => waitPermits.give(1));
  }

  private async workWithoutRedis(): Promise<void> {
    const intervalMs = Math.min(this.options.pollIntervalMs, MOST_POLL_MS_WITHOUT_REDIS);
    const found = await this.poll(0);
    if (this.lanes && (await this.lanes.isAnswering())) {
      // The next take tells whether it is more than an answer to PING.
      this.isRedisAway = false;
    }
    if (found === 0) await this.rest(jitter(intervalMs));
  }

  /** One bounded claim from PostgreSQL itself. While it is away, the next poll will tell. */
  private async poll(readyForMs: number): Promise<number> {
    const { queue, slots, pollIntervalMs, installation } = this.options;
    this.nextPollAt = performance.now() + jitter(pollIntervalMs);
    const count = Math.min(slots.free, MAX_BATCH);
    if (count <= 0) return 0;
    slots.take(count);
    const jobs = await this.findReady(count, readyForMs);
    slots.give(count - jobs.length);
    for (const job of jobs) this.runInSlot(job);
    if (jobs.length > 0) installation.events.emit('polled', { queue, count: jobs.length });
    // More may be waiting than we asked for.
    if (jobs.length === count) this.nextPollAt = 0;
    return jobs.length;
  }

  /** An outage is told once, not at each try. */
  private async findReady(count: number, readyForMs: number): Promise<ClaimedJob[]> {
    const { queue, claimer, installation } = this.options;
    try {
      const jobs = await claimer.claimReady({ queue, count, readyForMs });
      if (this.isPostgresAway) installation.logger.info(`${this.name}: PostgreSQL answers again`);
      this.isPostgresAway = false;
      return jobs;
    } catch (error) {
      const fields = { error: messageOf(error) };
      if (!this.isPostgresAway)
        installation.logger.warn(`${this.name}: could not look for work in PostgreSQL; trying on`, fields);
      this.isPostgresAway = true;
      return [];
    }
  }

  /** Claims what was taken, and has its slots reserved, without waiting for the answer: the next take may go on meanwhile. */
  private async launch(entries: readonly string[]): Promise<void> {
    const { slots, queue, installation } = this.options;
    const ids = entries.filter((entry) => /^\d{1,15}$/.test(entry)).map(Number);
    const garbage = entries.length - ids.length;
    if (garbage > 0) installation.events.emit('garbageDropped', { queue, count: garbage });
    slots.give(garbage);
    const claim = this.claimAndRun(ids, entries).finally(() => this.claims.delete(claim));
    this.claims.add(claim);
  }

  private async claimAndRun(ids: readonly number[], entries: readonly string[]): Promise<void> {
    const { slots } = this.options;
    const jobs = ids.length > 0 ? await this.claimOrReport(ids) : [];
    slots.give(ids.length - jobs.length);
    this.emptyClaims = jobs.length > 0 ? 0 : this.emptyClaims + 1;
    for (const job of jobs) this.runInSlot(job);
    if (jobs.length === 0 && this.isStopping) return;
    this.forget.push(...entries);
    if (this.isResting) setImmediate(() => void this.flushForget());
  }

  /** A claim ends with an error only when it is our own fault; polls find the ids again. */
  private claimOrReport(ids: readonly number[]): Promise<ClaimedJob[]> {
    const { claimer, installation } = this.options;
    return claimer.claim(ids).catch((error: unknown) => {
      installation.logger.error(`${this.name}: a claim failed`, { error: messageOf(error) });
      return [];
    });
  }

  private runInSlot(job: ClaimedJob): void {
    void this.options.execute(job).finally(() => this.options.slots.give(1));
  }

  /** While the loop rests no take carries these along, and Redis must not hold the ids of finished jobs. */
  private async flushForget(): Promise<void> {
    if (!this.isResting || this.forget.length === 0 || !this.lanes) return;
    const { queue, workerId } = this.options;
    const forget = this.forget.splice(0);
    await this.lanes.take(queue, { workerId, count: 0, suspects: 0, forget }).catch(() => undefined);
  }

  private async returnProcessing(): Promise<void> {
    if (!this.lanes) return;
    const { queue, workerId, installation } = this.options;
    const ids = toIds(await this.lanes.drain(queue, workerId));
    await dispatchReadyOf(installation, ids, 'front');
  }

  private rest(ms: number): Promise<void> {
    return this.resting(() => this.pause.wait(ms));
  }

  private restUntilSlot(): Promise<void> {
    return this.resting(() =>
      this.isStopping ? Promise.resolve() : this.options.slots.whenFree(SLOT_LINGER_MS),
    );
  }

  private async resting<T>(during: () => Promise<T>): Promise<T> {
    this.isResting = true;
    void this.flushForget();
    try {
      return await during();
    } finally {
      this.isResting = false;
    }
  }
}
