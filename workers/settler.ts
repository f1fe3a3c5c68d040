import { setTimeout as wait } from 'node:timers/promises';
import { Coalescer } from '../shared/coalescer.js';
import { messageOf } from '../shared/errors.js';
import { groupBy } from '../shared/group-by.js';
import type { ClaimedJob } from '../shared/jobs/claimed-job.js';
import { findHeldJobs } from '../shared/jobs/find-held.js';
import { attemptKey, type Outcome } from '../shared/jobs/outcome.js';
import { UnstorableResults } from '../shared/jobs/unstorable-results.js';
import { isPostgresError } from '../shared/postgres/postgres-error.js';
import { MOST_TRIES, pauseAfter } from './batch-tries.js';
import type { ClaimLedger } from './claim-ledger.js';
import { FinishedClaims } from './finished-claims.js';
import { HeldBack } from './held-back.js';
import { OutcomeRecorder, type RecorderOptions } from './outcome-recorder.js';
import { storable, without } from './settled-outcome.js';

export interface SettlerOptions extends RecorderOptions {
  readonly ledger: ClaimLedger;
  /** Outcomes that may wait before the worker stops taking jobs. */
  readonly maxWaiting: number;
}

/** While some commit the next ones fill; more would only contend (docs/performance.md). */
const BATCHES = { maxBatch: 500, maxInFlight: 2 };
/** Nobody waits for a settle: a few linger for more, so that commits leave the disk to claims and submits. */
const SPACING = { enough: 50, ms: 5 };

/** A transaction, a trigger or a constraint of somebody's own is in the way: that may end. What cannot be stored never will be. */
const mayPass = (error: unknown): boolean => isPostgresError(error, 'lock_conflict', 'constraint', 'other');

/**
 * Records outcomes, those of the same moment together. While PostgreSQL is away they wait here; nothing that a handler
 * returned is dropped while the process lives.
 */
export class Settler {
  private readonly coalescer: Coalescer<Outcome>;
  private readonly heldBack: HeldBack<Outcome>;
  private readonly claims: FinishedClaims;
  private readonly recorder: OutcomeRecorder;
  private readonly unsettled = new Set<ClaimedJob>();
  private readonly idleWaiters: (() => void)[] = [];
  private isAbandoned = false;

  constructor(private readonly options: SettlerOptions) {
    const how = { ...BATCHES, spacing: SPACING, afterBatch: () => this.tellIdle() };
    this.coalescer = new Coalescer((batch) => this.settleAll(batch), how);
    this.heldBack = new HeldBack<Outcome>({
      keyOf: ({ job }) => job,
      findFree: (outcomes) => this.findFree(outcomes),
      retry: async (outcomes) => {
        await this.settleAll(outcomes);
        this.tellIdle();
      },
    });
    this.claims = new FinishedClaims(options.installation.db, options.workerId, options.ledger);
    this.recorder = new OutcomeRecorder(options, this.claims);
  }

  /** Too much waits for PostgreSQL: take no more jobs. */
  get isFull(): boolean {
    return this.unsettled.size >= this.options.maxWaiting;
  }

  add(outcome: Outcome): void {
    this.unsettled.add(outcome.job);
    this.coalescer.add(outcome);
  }

  /** Jobs whose outcomes wait to be recorded. */
  jobs(): Iterable<ClaimedJob> {
    return this.unsettled;
  }

  /** An attempt that ended without an outcome of ours: somebody else recorded it. */
  skip(job: Outcome['job']): void {
    this.claims.note([job]);
  }

  /** Resolves when every outcome given so far is recorded. */
  async whenIdle(): Promise<void> {
    if (this.isIdle) return;
    await new Promise<void>((resolve) => this.idleWaiters.push(resolve));
  }

  /**
   * The worker is no longer the owner of anything: outcomes still waiting are void. The rows of its claims must stay, they
   * are how its jobs are rescued.
   */
  abandon(): void {
    this.isAbandoned = true;
    this.heldBack.close();
    this.recorder.close();
    this.claims.abandon();
  }

  /** Deletes the rows of finished claims that are still there. */
  forgetFinished(): Promise<void> {
    return this.claims.forget();
  }

  private get isIdle(): boolean {
    return this.unsettled.size === 0 && this.coalescer.isIdle;
  }

  private tellIdle(): void {
    if (!this.isIdle) return;
    for (const resolve of this.idleWaiters.splice(0)) resolve();
  }

  private async settleAll(batch: readonly Outcome[]): Promise<void> {
    const kinds = groupBy(batch, ({ kind }) => kind);
    await Promise.all([...kinds.values()].map((alike) => this.settle(alike)));
  }

  /** Settles outcomes of one kind, again and again until they are; what keeps others from being recorded is held back. */
  private async settle(outcomes: readonly Outcome[], firstTry = 1): Promise<void> {
    for (let tries = firstTry; !this.isAbandoned; tries++) {
      try {
        return await this.settleOnce(outcomes);
      } catch (error) {
        if (error instanceof UnstorableResults) return this.settleWithout(outcomes, error);
        if (isPostgresError(error, 'lock_conflict')) {
          const free = await this.findFree(outcomes).catch(() => outcomes);
          if (free.length < outcomes.length) return this.settleFree(outcomes, free);
        }
        const isWorthATry = mayPass(error) && tries < MOST_TRIES;
        if (!isPostgresError(error, 'unavailable') && !isWorthATry) return this.settleApart(outcomes, error);
        this.options.installation.events.emit('settleDelayed', { waiting: this.unsettled.size, error });
        await wait(pauseAfter(tries));
      }
    }
    for (const { job } of outcomes) this.unsettled.delete(job);
  }

  /** Somebody's transaction holds the rows of the others. */
  private async settleFree(outcomes: readonly Outcome[], free: readonly Outcome[]): Promise<void> {
    for (const outcome of without(outcomes, free)) this.heldBack.add(outcome);
    if (free.length > 0) await this.settle(free);
  }

  /** One of them cannot be recorded, and must not keep the others from it: they are halved until it is alone. */
  private async settleApart(outcomes: readonly Outcome[], error: unknown): Promise<void> {
    if (outcomes.length > 1) {
      const middle = outcomes.length >> 1;
      await this.settle(outcomes.slice(0, middle), MOST_TRIES);
      return this.settle(outcomes.slice(middle), MOST_TRIES);
    }
    const [outcome] = outcomes as [Outcome];
    this.heldBack.add(mayPass(error) ? outcome : storable(outcome, messageOf(error)));
  }

  private async findFree(outcomes: readonly Outcome[]): Promise<Outcome[]> {
    const ids = outcomes.map(({ job }) => job.id);
    const held = await findHeldJobs(this.options.installation.db, ids);
    return outcomes.filter(({ job }) => !held.has(job.id));
  }

  /** Those whose results cannot be stored fail; the rest is settled as it was meant to be. */
  private async settleWithout(outcomes: readonly Outcome[], { messages }: UnstorableResults): Promise<void> {
    const isUnstorable = ({ job }: Outcome) => messages.has(attemptKey(job));
    const rest = outcomes.filter((outcome) => !isUnstorable(outcome));
    const failed = outcomes
      .filter(isUnstorable)
      .map((outcome) => storable(outcome, messages.get(attemptKey(outcome.job)) as string));
    await Promise.all([this.settle(failed), rest.length > 0 ? this.settle(rest) : undefined]);
  }

  private async settleOnce(outcomes: readonly Outcome[]): Promise<void> {
    const recorded = await this.recorder.record(outcomes);
    for (const { job } of outcomes) this.unsettled.delete(job);
    await this.recorder.followUp(recorded);
  }
}
