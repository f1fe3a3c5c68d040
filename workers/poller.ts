import { createHash } from 'node:crypto';
import { messageOf } from '../shared/errors.js';
import type { Installation } from '../shared/installation.js';
import type { ClaimedJob } from '../shared/jobs/claimed-job.js';
import { jitter } from '../shared/time/loop.js';
import type { Claimer } from './claimer.js';
import type { RunningAttempts } from './running-attempts.js';
import type { Slots } from './slots.js';

export interface PollerOptions {
  readonly installation: Installation;
  readonly queue: string;
  readonly slots: Slots;
  readonly claimer: Claimer;
  readonly running: RunningAttempts;
  readonly pollIntervalMs: number;
}

/** Of an interval, how long a look counts for other workers: less than the shortest, so that whoever looks goes on with it. */
const COUNTS_FOR = 0.7;

/** Looks for a queue's jobs in PostgreSQL itself: what Redis forgot, or all of them while it is away. */
export class Poller {
  private readonly jobTypes: string;
  private nextAt = 0;
  private isPostgresAway = false;
  /** Other workers count on the look that comes next, or is under way. */
  private isCountedOn = false;

  constructor(private readonly options: PollerOptions) {
    const sorted = options.claimer.jobTypes.toSorted().join('\n');
    this.jobTypes = createHash('sha256').update(sorted).digest('hex').slice(0, 12);
  }

  get isDue(): boolean {
    return performance.now() >= this.nextAt;
  }

  /** A look of another worker of the same job types counts for us, too: however many are idle, one of them looks. Never throws. */
  async isOurTurn(): Promise<boolean> {
    const { queue, pollIntervalMs, running, installation } = this.options;
    // Ours leaves out suspects while one runs here.
    if (!installation.lanes || running.hasSuspect) return true;
    const forMs = Math.ceil(COUNTS_FOR * pollIntervalMs);
    const isFirst = await installation.lanes.startLook(queue, this.jobTypes, forMs).catch(() => true);
    if (!isFirst) this.nextAt = performance.now() + jitter(pollIntervalMs);
    this.isCountedOn = isFirst;
    return isFirst;
  }

  /** One bounded claim of jobs that have been ready for so long; a slot is reserved for each. Never throws. */
  async poll(most: number, readyForMs: number): Promise<ClaimedJob[]> {
    const { queue, slots, pollIntervalMs, installation } = this.options;
    this.nextAt = performance.now() + jitter(pollIntervalMs);
    const count = Math.min(slots.free, most);
    slots.take(count);
    const jobs = count > 0 ? await this.claim(count, readyForMs) : undefined;
    if (jobs?.length !== 0) this.letOthersLook();
    if (!jobs) {
      slots.give(count);
      return [];
    }
    slots.give(count - jobs.length);
    if (jobs.length > 0) installation.events.emit('polled', { queue, count: jobs.length });
    // More may be waiting than we asked for.
    if (jobs.length === count) this.nextAt = 0;
    return jobs;
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
