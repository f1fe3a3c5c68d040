import type { Assignment } from '../shared/jobs/assignment.js';
import type { Installation } from '../shared/installation.js';
import type { ClaimedJob } from '../shared/jobs/claimed-job.js';
import type { Service } from '../shared/lifecycle/service.js';
import { MOST_OFFERED, type Offer } from '../shared/redis/offers.js';
import { createLoop } from '../shared/time/loop.js';
import { monotonicMs } from '../shared/time/monotonic.js';
import type { AssignmentLine } from './assignment-line.js';
import type { Claimer } from './claimer.js';
import type { Slots } from './slots.js';

export interface StandingOffersOptions {
  readonly installation: Installation;
  readonly line: AssignmentLine;
  readonly workerId: string;
  readonly queue: string;
  readonly slots: Slots;
  readonly claimer: Claimer;
  /** Without a heartbeat for so long the worker is declared dead. */
  readonly deadAfterMs: number;
  /** Runs a claimed job in the slot that was reserved for it. */
  begin(job: ClaimedJob): void;
  /** Whether what is sent to this process is run at once: nobody else can run what was claimed for us. */
  isReady(): boolean;
  /** Nothing waits in Redis for this queue, as far as we know. */
  isDrained(): boolean;
}

/** So that another submit finds one while the first is made good. */
const MOST_STANDING = 4;
/** With so few left new ones are made, together: one command for two jobs that come one by one. */
const FEW_STANDING = 2;
/** A submitter that took an offer needs milliseconds. Beyond this it has died, or what it sent was lost. */
const MOST_WAIT_MS = 2_000;
/** When we stop, less: what comes later reaches nobody, and its submitter hears that. */
const MOST_WAIT_AT_STOP_MS = 250;
/** How often a worker looks whether its offers are still there; one with a short lease more often. */
const MOST_LOOK_MS = 5_000;

interface Standing extends Offer {
  isLeaving?: boolean;
  /** Set when it is no longer in Redis: somebody is about to make it good. */
  expiry?: NodeJS.Timeout;
}

/**
 * What a consumer that waits lets submitters do: insert jobs that are its own from the start. Each offer has slots reserved and the
 * number of a claim; when nothing comes of it, it is void, and what was claimed under it all the same is found by reconciling.
 */
export class StandingOffers implements Service {
  readonly name = 'offers';
  private readonly standing = new Map<number, Standing>();
  private readonly looks: Service;
  private readonly lookMs: number;
  private lastLookMs = monotonicMs();
  private isStopping = false;
  private whenEmpty: (() => void) | undefined;

  constructor(private readonly options: StandingOffersOptions) {
    options.slots.whenScarce(() => void this.withdraw());
    this.lookMs = Math.min(MOST_LOOK_MS, options.deadAfterMs / 4);
    this.looks = createLoop({
      name: 'look at offers',
      runOnce: () => this.look(),
      onError: () => undefined,
    });
  }

  async start(): Promise<void> {
    await this.looks.start();
  }

  /** Offers spare slots, or takes back what it may not offer any longer. Never throws. */
  async stand(): Promise<void> {
    if (!this.mayOffer) return this.withdraw();
    const { line, workerId, queue, slots, claimer } = this.options;
    const fresh: Standing[] = [];
    while (this.standing.size < MOST_STANDING && slots.spare > 0) {
      const share = Math.ceil(slots.spare / (MOST_STANDING - this.standing.size));
      const batchNo = claimer.beginClaim();
      const offer = { workerId, line: line.number, batchNo, count: Math.min(share, MOST_OFFERED) };
      slots.take(offer.count);
      this.standing.set(offer.batchNo, offer);
      line.expect(offer.batchNo, (assignment) => this.receive(offer, assignment));
      fresh.push(offer);
    }
    if (fresh.length === 0) return;
    await line.offers.make(queue, fresh).catch(() => fresh.forEach((offer) => this.expect(offer)));
  }

  /** Takes back what nobody has taken: its slots are needed. Never throws. */
  async withdraw(offers = this.inRedis()): Promise<void> {
    const { line, queue } = this.options;
    if (offers.length === 0) return;
    for (const offer of offers) offer.isLeaving = true;
    const wereThere = await line.offers.withdraw(queue, offers).catch(() => []);
    for (const [index, offer] of offers.entries()) {
      if (wereThere[index]) this.end(offer, []);
      else this.expect(offer);
    }
  }

  /** Resolves when none stands any more: what was taken already is made good, or void. Never throws. */
  async stop(): Promise<void> {
    this.isStopping = true;
    // One under way may wait for Redis, and has nothing left to find.
    void this.looks.stop();
    const emptied = new Promise<void>((resolve) => (this.whenEmpty = resolve));
    void this.withdraw();
    if (this.standing.size === 0) return;
    const timer = setTimeout(() => {
      for (const offer of this.standing.values()) this.end(offer, []);
    }, MOST_WAIT_AT_STOP_MS);
    await emptied;
    clearTimeout(timer);
  }

  private get mayOffer(): boolean {
    return this.options.line.isOpen && !this.isStopping && this.options.isReady();
  }

  /**
   * Finds out which offers are gone without a word: whatever the worker does meanwhile, what was claimed under them must not stay
   * running. Never throws. Returns when to look again.
   */
  private async look(): Promise<number> {
    const { line, queue } = this.options;
    const isOutdated = (offer: Standing) => !this.mayOffer || offer.line !== line.number;
    await this.withdraw(this.inRedis().filter(isOutdated));
    const offers = this.inRedis();
    const areListed = await line.offers.areListed(queue, offers).catch(() => []);
    for (const [index, offer] of offers.entries()) if (!areListed[index]) this.expect(offer);
    this.lastLookMs = monotonicMs();
    return this.lookMs;
  }

  private receive(offer: Standing, { jobs }: Assignment): void {
    // This process stood still, and what it was sent meanwhile may be somebody else's by now, of which we would hear later.
    if (monotonicMs() - this.lastLookMs > 2 * this.lookMs) return this.makeVoid(offer);
    const { installation, queue } = this.options;
    this.end(offer, jobs);
    if (jobs.length > 0) installation.events.emit('assigned', { queue, count: jobs.length });
    if (this.options.isDrained() && this.standing.size <= FEW_STANDING) void this.stand();
  }

  private inRedis(): Standing[] {
    return [...this.standing.values()].filter(({ isLeaving, expiry }) => !isLeaving && !expiry);
  }

  /** It is not in Redis any more: jobs come for it soon, or never. */
  private expect(offer: Standing): void {
    if (!this.standing.has(offer.batchNo)) return;
    offer.expiry ??= setTimeout(() => this.makeVoid(offer), MOST_WAIT_MS);
  }

  private makeVoid(offer: Standing): void {
    const { line, queue, claimer } = this.options;
    this.end(offer, []);
    // Whoever had it may have given it back.
    void line.offers.withdraw(queue, [offer]).catch(() => undefined);
    void claimer.reconcile().catch(() => undefined);
  }

  private end(offer: Standing, jobs: readonly ClaimedJob[]): void {
    const { line, slots, claimer } = this.options;
    if (!this.standing.delete(offer.batchNo)) return;
    clearTimeout(offer.expiry);
    line.forget(offer.batchNo);
    claimer.endClaim(offer.batchNo, jobs);
    slots.give(offer.count - jobs.length);
    for (const job of jobs) this.options.begin(job);
    if (this.standing.size === 0) this.whenEmpty?.();
  }
}
