import { createHash } from 'node:crypto';
import { messageOf } from '../shared/errors.js';
import type { Installation } from '../shared/installation.js';
import type { ClaimedJob } from '../shared/jobs/claimed-job.js';
import { jitter } from '../shared/time/loop.js';
import { MAX_BATCH, type Claimer } from './claimer.js';
import type { RunningAttempts } from './running-attempts.js';
import type { Settler } from './settler.js';
import type { Slots } from './slots.js';

export interface PollerOptions {
  readonly installation: Installation;
  readonly queue: string;
  readonly slots: Slots;
  readonly claimer: Claimer;
  readonly running: RunningAttempts;
  readonly settler: Settler;
  readonly pollIntervalMs: number;
  /** Redis has nothing for us. */
  isDrained(): boolean;
  /** Runs a claimed job in the slot that was reserved for it. */
  begin(job: ClaimedJob): void;
}

/** A job younger than this may be on its way through Redis. */
const ON_ITS_WAY_MS = 2_000;
/** Of an interval, how long a look counts for other workers: less than the shortest, so that whoever looks goes on with it. */
const COUNTS_FOR = 0.7;

/** Looks for a queue's jobs in PostgreSQL itself: what Redis forgot, or all of them while it is away. */
export class Poller {
  private readonly jobTypes: string;
  private nextAt = 0;
  private isPostgresAway = false;
  private isStopping = false;
  /** A look besides what Redis brings, while it is under way. */
  looking: Promise<void> | undefined;
  private rests = false;
  /** Other workers count on our latest look. */
  private isCountedOn = false;

  constructor(private readonly options: PollerOptions) {
    const sorted = options.claimer.jobTypes.toSorted().join('\n');
    this.jobTypes = createHash('sha256').update(sorted).digest('hex').slice(0, 12);
  }

  get isDue(): boolean {
    return performance.now() >= this.nextAt;
  }

  /** Another worker looks after the queue, and nothing has come since: there is no hurry to ask Redis again. */
  get isResting(): boolean {
    return this.rests;
  }

  endRest(): void {
    this.rests = false;
  }

  /** Ends a look that goes on as long as it finds jobs. The slots are interrupted after this was called. */
  async stop(): Promise<void> {
    this.isStopping = true;
    await this.looking;
  }

  /**
   * Looks for what Redis forgot, if it is our turn. A look may be slow, under an old snapshot for one: what Redis brings does not wait
   * for it as long as there are slots besides.
   */
  async lookBesides(): Promise<void> {
    if (this.looking || this.options.settler.isFull) return;
    this.rests = !(await this.isOurTurn());
    if (!this.rests) this.looking = this.pollWhileFound().finally(() => (this.looking = undefined));
  }

  /** One bounded claim of what is ready. Never throws. Returns how many jobs it found. */
  async poll(): Promise<number> {
    return this.claimAndBegin(MAX_BATCH, 0);
  }

  /** A look of another worker of the same job types counts for us, too: however many are idle, one of them looks. Never throws. */
  private async isOurTurn(): Promise<boolean> {
    const { queue, pollIntervalMs, running, installation } = this.options;
    // Ours leaves out suspects while one runs here.
    if (!installation.lanes || running.hasSuspect) return true;
    const forMs = Math.ceil(COUNTS_FOR * pollIntervalMs);
    const isFirst = await installation.lanes.startLook(queue, this.jobTypes, forMs).catch(() => true);
    if (!isFirst) this.nextAt = performance.now() + jitter(pollIntervalMs);
    this.isCountedOn = isFirst;
    return isFirst;
  }

  /** Half of the free slots at a time, and again as long as that many are found: Redis may be well, and know nothing of them. */
  private async pollWhileFound(): Promise<void> {
    const { slots, settler } = this.options;
    while (!this.isStopping && !settler.isFull && this.options.isDrained()) {
      const most = Math.max(1, Math.min(slots.free >> 1, MAX_BATCH));
      if ((await this.claimAndBegin(most, ON_ITS_WAY_MS)) < most) return;
      if (slots.free <= 0 && !this.isStopping) await slots.whenFree();
    }
  }

  /** Jobs that have been ready for so long; a slot is reserved for each. */
  private async claimAndBegin(most: number, readyForMs: number): Promise<number> {
    const { queue, slots, pollIntervalMs, installation } = this.options;
    this.nextAt = performance.now() + jitter(pollIntervalMs);
    const count = Math.min(slots.free, most);
    slots.take(count);
    const found = count > 0 ? await slots.timeClaim(() => this.claim(count, readyForMs)) : undefined;
    const jobs = found ?? [];
    slots.give(count - jobs.length);
    if (found === undefined || jobs.length > 0 || this.isStopping) this.letOthersLook();
    if (jobs.length === 0) return 0;
    for (const job of jobs) this.options.begin(job);
    this.endRest();
    installation.events.emit('polled', { queue, count: jobs.length });
    // More may be waiting than we asked for.
    if (jobs.length === count) this.nextAt = 0;
    return jobs.length;
  }

  /** Undefined: PostgreSQL did not answer. An outage is told once, not at each try: the next poll will tell when it is over. */
  private async claim(count: number, readyForMs: number): Promise<ClaimedJob[] | undefined> {
    const { queue, claimer, installation } = this.options;
    try {
      const jobs = await claimer.claimReady({ queue, count, readyForMs });
      if (this.isPostgresAway) installation.logger.info(`consumer of ${queue}: PostgreSQL answers again`);
      this.isPostgresAway = false;
      return jobs;
    } catch (error) {
      const what = `consumer of ${queue}: could not look for work in PostgreSQL; trying on`;
      if (!this.isPostgresAway) installation.logger.warn(what, { error: messageOf(error) });
      this.isPostgresAway = true;
      return undefined;
    }
  }

  /** There is more to find than we may take, or we did not look after all. */
  private letOthersLook(): void {
    if (!this.isCountedOn) return;
    this.isCountedOn = false;
    const { queue, installation } = this.options;
    void installation.lanes?.voidLook(queue, this.jobTypes).catch(() => undefined);
  }
}
