import { messageOf } from '../shared/errors.js';
import type { Service } from '../shared/lifecycle/service.js';
import type { Installation } from '../shared/installation.js';
import type { ClaimedJob } from '../shared/jobs/claimed-job.js';
import { InterruptibleWait } from '../shared/time/interruptible-wait.js';
import { jitter } from '../shared/time/loop.js';
import type { AssignmentLine } from './assignment-line.js';
import type { BlockingConnections } from './blocking-connections.js';
import { MAX_BATCH, type Claim, type Claimer } from './claimer.js';
import { ClaimsUnderWay } from './claims-under-way.js';
import { Poller } from './poller.js';
import type { RunningAttempts } from './running-attempts.js';
import type { Settler } from './settler.js';
import type { Slots } from './slots.js';
import { StandingOffers } from './standing-offers.js';
import { Taker } from './taker.js';

export interface ConsumerOptions {
  readonly installation: Installation;
  readonly workerId: string;
  readonly queue: string;
  readonly slots: Slots;
  /** Shared with the worker's other consumers; undefined when there is no Redis. */
  readonly connections: BlockingConnections | undefined;
  /** Undefined where submitters cannot claim for workers. */
  readonly line: AssignmentLine | undefined;
  /** Whether nothing has held up the event loop lately. */
  isPunctual(): boolean;
  readonly claimer: Claimer;
  readonly settler: Settler;
  readonly running: RunningAttempts;
  readonly pollIntervalMs: number;
  readonly deadAfterMs: number;
  /** Runs a claimed job to its end and settles it; never throws. */
  execute(job: ClaimedJob): Promise<void>;
  /** Lets go of a claimed job that did not begin. */
  release(job: ClaimedJob, why: string): void;
}

/** While Redis is away the poll is the dispatch. */
const MOST_POLL_MS_WITHOUT_REDIS = 500;
const WITHOUT_CONNECTION_MS = 250;
/** The idle wait: of who looks into PostgreSQL each time it ends, and of who counts on another one's looks. */
const WAIT_SECONDS = 1;
const RESTING_WAIT_SECONDS = 5;
const FULL_MS = 50;

/** Brings a queue's jobs to free slots: take, claim, execute; wait when there is nothing. */
export class Consumer implements Service {
  readonly name: string;
  private readonly taker: Taker | undefined;
  private readonly poller: Poller;
  private readonly offers: StandingOffers | undefined;
  private readonly pause = new InterruptibleWait();
  private readonly claims = new ClaimsUnderWay();
  private loop: Promise<void> | undefined;
  private isStopping = false;
  private isRedisAway = false;
  /** Until a take has succeeded again. */
  private wasRedisAway = false;
  /** Claims in a row that got nothing but ids of types that other workers handle. */
  private foreignClaims = 0;

  constructor(private readonly options: ConsumerOptions) {
    const { installation, connections, queue, line } = options;
    const { lanes } = installation;
    this.name = `consumer of ${queue}`;
    const isDrained = () => this.taker?.isDrained ?? false;
    const begin = (job: ClaimedJob) => this.runInSlot(job);
    this.poller = new Poller({ ...options, isDrained, begin });
    // What has run and cannot be recorded is bounded: then nothing more is to come.
    const isReady = () => options.isPunctual() && !options.settler.isFull;
    if (line) this.offers = new StandingOffers({ ...options, line, isReady, isDrained, begin });
    if (lanes && connections) this.taker = new Taker({ ...options, lanes, connections });
  }

  async start(): Promise<void> {
    await this.offers?.start();
    this.loop ??= this.run();
  }

  /** Stops taking; jobs already claimed go on. Ids taken but not claimed go back to their lane. */
  async stop(): Promise<void> {
    this.isStopping = true;
    const hasLooked = this.poller.stop();
    this.taker?.interrupt();
    this.pause.interrupt();
    this.options.slots.interrupt();
    await this.loop;
    await Promise.all([this.claims.whenAllHaveEnded(), hasLooked, this.offers?.stop()]);
    this.options.slots.giveUpAhead('its worker stopped before it began');
    await this.taker?.returnAll().catch(() => undefined);
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
    const { slots, settler, claimer } = this.options;
    // Its claims bring nothing any more: what is taken now would only have to go back.
    if (settler.isFull || claimer.isStopping) return this.pause.wait(FULL_MS);
    if (this.foreignClaims > 1) {
      await this.pause.wait(jitter(Math.min(25 * 2 ** Math.min(this.foreignClaims, 6), 1_000)));
      // Behind thousands of ids for others there may be some for us.
      await this.poller.poll();
    }
    await this.claims.whenNextIsWorthIt(this.taker?.isDrained ?? false);
    if (slots.free <= 0) return this.restUntilSlot();
    if (!this.taker || this.isRedisAway) return this.workWithoutRedis();
    return this.workWithRedis(this.taker);
  }

  /** Whatever throws here is Redis. */
  private async workWithRedis(taker: Taker): Promise<void> {
    let ids: readonly number[];
    try {
      ids = await taker.take(MAX_BATCH);
      if (this.wasRedisAway) this.options.installation.events.emit('redisBack');
      this.wasRedisAway = false;
      if (ids.length === 0) ids = await this.waitForOne(taker);
    } catch (error) {
      // Out of memory Redis still answers PING: one failure is told, and not tried again at once.
      if (!this.wasRedisAway) this.tellRedisAway(error);
      this.isRedisAway = this.wasRedisAway = true;
      // Who looks after the queue may be on another side of it.
      this.poller.endRest();
      return;
    }
    if (ids.length > 0) this.launch(ids);
    // Also while Redis brings a little all the time: what it forgot must not wait until that ends.
    if (taker.isDrained && this.poller.isDue && !this.isStopping) await this.poller.lookBesides();
  }

  private tellRedisAway(error: unknown): void {
    const { lanes, events } = this.options.installation;
    events.emit('redisAway', { error: lanes?.reasonOf(error) ?? error });
  }

  private async waitForOne(taker: Taker): Promise<readonly number[]> {
    void this.offers?.stand();
    const ids = await taker.waitForOne(this.poller.isResting ? RESTING_WAIT_SECONDS : WAIT_SECONDS);
    if (ids === undefined) await this.pause.wait(jitter(WITHOUT_CONNECTION_MS));
    return ids ?? [];
  }

  private async workWithoutRedis(): Promise<void> {
    const { pollIntervalMs, installation } = this.options;
    const found = await this.poller.poll();
    // The next take tells whether it is more than an answer to PING.
    if (await installation.lanes?.isAnswering()) this.isRedisAway = false;
    if (found === 0) await this.pause.wait(jitter(Math.min(pollIntervalMs, MOST_POLL_MS_WITHOUT_REDIS)));
  }

  /** Claims what was taken, and has its slots reserved, without waiting for the answer: the next take may go on meanwhile. */
  private launch(ids: readonly number[]): void {
    this.poller.endRest();
    this.claims.add(this.claimAndRun(ids));
  }

  private async claimAndRun(ids: readonly number[]): Promise<void> {
    const { slots, claimer } = this.options;
    const { jobs, putBack } = await slots.timeClaim(() => this.claimOrReport(ids));
    slots.give(ids.length - jobs.length);
    if (jobs.length > 0) this.foreignClaims = 0;
    else if (putBack > 0) this.foreignClaims++;
    for (const job of jobs) this.runInSlot(job);
    // Some of them may not have been claimed: what is left in the processing list goes back.
    if (claimer.isStopping) return;
    this.taker?.forget(ids);
  }

  /** A claim ends with an error only when it is our own fault; polls find the ids again. */
  private async claimOrReport(ids: readonly number[]): Promise<Claim> {
    const { claimer, installation } = this.options;
    return claimer.claim(ids).catch((error: unknown) => {
      installation.logger.error(`${this.name}: a claim failed`, { error: messageOf(error) });
      return { jobs: [], putBack: 0 };
    });
  }

  private runInSlot(job: ClaimedJob): void {
    const { options } = this;
    options.running.expect(job);
    options.slots.fill({ run: () => options.execute(job), giveUp: (why) => options.release(job, why) });
  }

  private async restUntilSlot(): Promise<void> {
    if (!this.isStopping) await this.options.slots.whenFree();
  }
}
