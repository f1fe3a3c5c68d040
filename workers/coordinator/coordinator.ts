import { randomBytes } from 'node:crypto';
import {
  giveUpLease,
  holdLease,
  readForeignLease,
  type Leadership,
} from '../../shared/coordination/lease.js';
import { messageOf } from '../../shared/errors.js';
import type { Installation } from '../../shared/installation.js';
import type { Service } from '../../shared/lifecycle/service.js';
import { createLoop, jitter, type Loop } from '../../shared/time/loop.js';
import { within } from '../../shared/time/within.js';
import { Leader } from './leader.js';
import type { RetentionSettings } from './retention.js';

export interface CoordinatorOptions extends RetentionSettings {
  readonly installation: Installation;
}

const RENEW_MS = 1_000;
/** How often a candidate looks whether the lease was given up. When it runs out, it looks at that very moment. */
const LOOK_MS = 1_500;
/** A leader that dies is replaced within this and one renewal. */
const LEASE_MS = 3_000;
/** Between two renewals of which one came this late, PostgreSQL may have stood still. Less, and a busy host never trusts it. */
const GAP_MS = 2 * RENEW_MS;
/** A duty that is slow to end is cut off: all are safe when done twice, and a worker of this process has jobs to end. */
const MOST_STOP_MS = 5_000;
/** A leader that has not reached Redis for this long lets another one lead. */
const REDIS_PATIENCE_MS = 3_000;

const lookAgainMs = (leftMs: number): number => Math.min(jitter(LOOK_MS), Math.ceil(leftMs) + 1);

/**
 * Stands for leadership and, while it leads, does the duties that one process at a time must do. Any number may run:
 * leadership is a lease row with a term, and every duty is safe when done twice.
 */
export class Coordinator implements Service {
  readonly name = 'coordinator';
  private readonly holder = `c-${randomBytes(6).toString('hex')}`;
  private readonly loop: Loop;
  private leader: Leader | undefined;
  private renewedAt = 0;
  private redisSeenAt = 0;
  /** Since when PostgreSQL has answered each time we asked, and when it did last. */
  private answersSince = Infinity;
  private answeredAt = -Infinity;

  constructor(private readonly options: CoordinatorOptions) {
    this.loop = createLoop({
      name: 'leadership',
      runOnce: () => this.renew(),
      onError: (error) => void this.checkLease(error),
      retryMs: RENEW_MS / 2,
    });
  }

  get isLeading(): boolean {
    return this.leader !== undefined;
  }

  start(): Promise<void> {
    this.redisSeenAt = performance.now();
    return this.loop.start();
  }

  async stop(): Promise<void> {
    await this.loop.stop();
    // The next one leads at once, also when a duty of ours is slow to end: all are safe when done twice.
    const givenUp = this.isLeading ? giveUpLease(this.options.installation.db, this.holder) : undefined;
    await Promise.all([this.resign('stopping'), givenUp?.catch(() => undefined)]);
  }

  private async renew(): Promise<number> {
    const { db } = this.options.installation;
    const { holder } = this;
    const foreign = this.leader ? null : await readForeignLease(db, { holder, leaseMs: LEASE_MS });
    if (!this.leader) this.noteAnswer();
    // Whether we reach Redis matters, and is asked, only where the lease may be ours.
    if (foreign?.reachesRedis) return lookAgainMs(foreign.leftMs);
    const reachesRedis = await this.reachesRedis();
    if (foreign && !reachesRedis) return lookAgainMs(foreign.leftMs);
    const askedAt = performance.now();
    const leadership = await holdLease(db, {
      holder,
      reachesRedis,
      leaseMs: LEASE_MS,
      promoteCursor: this.leader?.promoteCursor ?? '-infinity',
      gapMs: GAP_MS,
      seenMs: this.seenMs,
    });
    this.noteAnswer();
    if (!leadership) await this.resign('another coordinator leads');
    else {
      this.leader?.noteAnswer(leadership);
      this.renewedAt = askedAt;
      if (!this.leader) await this.lead(leadership);
    }
    return RENEW_MS;
  }

  private async lead(leadership: Leadership): Promise<void> {
    const { installation, ...settings } = this.options;
    this.leader = new Leader(installation, this.holder, leadership, settings);
    await this.leader.start();
    installation.events.emit('leading', { term: leadership.term });
  }

  /** For how long PostgreSQL has answered each time we asked. */
  private get seenMs(): number {
    return Math.max(0, performance.now() - this.answersSince);
  }

  private noteAnswer(): void {
    const now = performance.now();
    if (this.answersSince === Infinity || now - this.answeredAt > LEASE_MS) this.answersSince = now;
    this.answeredAt = now;
  }

  /** PostgreSQL did not answer. The lease runs out by its clock; by ours, we stop no later. */
  private async checkLease(error: unknown): Promise<void> {
    this.answersSince = Infinity;
    if (this.leader && performance.now() - this.renewedAt > LEASE_MS) await this.resign(messageOf(error));
    else this.leader?.noteGap();
  }

  private async resign(reason: string): Promise<void> {
    if (!this.leader) return;
    const former = this.leader;
    this.leader = undefined;
    const tooLate = () => new Error('a duty is slow to end');
    await within(MOST_STOP_MS, former.stop(), tooLate).catch(() => undefined);
    this.options.installation.events.emit('leadershipLost', { reason });
  }

  private async reachesRedis(): Promise<boolean> {
    const { lanes } = this.options.installation;
    if (!lanes || (await lanes.isAnswering())) this.redisSeenAt = performance.now();
    return performance.now() - this.redisSeenAt < REDIS_PATIENCE_MS;
  }
}
