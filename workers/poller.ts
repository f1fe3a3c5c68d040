import { messageOf } from '../shared/errors.js';
import type { Installation } from '../shared/installation.js';
import type { ClaimedJob } from '../shared/jobs/claimed-job.js';
import { jitter } from '../shared/time/loop.js';
import type { Claimer } from './claimer.js';
import type { Slots } from './slots.js';

export interface PollerOptions {
  readonly installation: Installation;
  readonly queue: string;
  readonly slots: Slots;
  readonly claimer: Claimer;
  readonly pollIntervalMs: number;
}

/** Looks for a queue's jobs in PostgreSQL itself: what Redis forgot, or all of them while it is away. */
export class Poller {
  private nextAt = 0;
  private isPostgresAway = false;

  constructor(private readonly options: PollerOptions) {}

  get isDue(): boolean {
    return performance.now() >= this.nextAt;
  }

  /** One bounded claim of jobs that have been ready for so long; a slot is reserved for each. Never throws. */
  async poll(most: number, readyForMs: number): Promise<ClaimedJob[]> {
    const { queue, slots, pollIntervalMs, installation } = this.options;
    this.nextAt = performance.now() + jitter(pollIntervalMs);
    const count = Math.min(slots.free, most);
    if (count <= 0) return [];
    slots.take(count);
    const jobs = await this.claim(count, readyForMs);
    slots.give(count - jobs.length);
    if (jobs.length > 0) installation.events.emit('polled', { queue, count: jobs.length });
    // More may be waiting than we asked for.
    if (jobs.length === count) this.nextAt = 0;
    return jobs;
  }

  /** An outage is told once, not at each try: the next poll will tell when it is over. */
  private async claim(count: number, readyForMs: number): Promise<ClaimedJob[]> {
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
      return [];
    }
  }
}
