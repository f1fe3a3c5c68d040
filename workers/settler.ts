import { setTimeout as wait } from 'node:timers/promises';
import { Coalescer } from '../shared/coalescer.js';
import { messageOf } from '../shared/errors.js';
import { groupBy } from '../shared/group-by.js';
import type { ClaimedJob } from '../shared/jobs/claimed-job.js';
import type { Installation } from '../shared/installation.js';
import { dispatchReadyOf } from '../shared/jobs/dispatch-jobs.js';
import { findSettled } from '../shared/jobs/find-settled.js';
import { attemptKey, type Outcome } from '../shared/jobs/outcome.js';
import { forgetClaimBatches } from '../shared/jobs/release-jobs.js';
import { releaseDependents } from '../shared/jobs/release-dependents.js';
import { settleOutcomes, type Settlement } from '../shared/jobs/settle-jobs.js';
import { UnstorableResults } from '../shared/jobs/unstorable-results.js';
import { isPostgresError } from '../shared/postgres/postgres-error.js';
import type { ClaimLedger } from './claim-ledger.js';
import { describe, storable } from './settled-outcome.js';

export interface SettlerOptions {
  readonly installation: Installation;
  readonly workerId: string;
  readonly ledger: ClaimLedger;
  readonly isDeadLetterEnabled: boolean;
  /** The largest result, in bytes of JSON. */
  readonly maxResultBytes: number;
  /** Outcomes that may wait before the worker stops taking jobs. */
  readonly maxWaiting: number;
}

/** While some commit the next ones fill; more would only contend (docs/performance.md). */
const BATCHES = { maxBatch: 500, maxInFlight: 2 };
/** Nobody waits for a settle: a few linger for more, so that commits leave the disk to claims and submits. */
const SPACING = { enough: 50, ms: 5 };
/** A finished batch whose deletion found no settle to ride on. */
const FORGET_AFTER_MS = 50;

/**
 * Records outcomes, those of the same moment together. While PostgreSQL is away they wait here; nothing that a handler
 * returned is dropped while the process lives.
 */
export class Settler {
  private readonly coalescer: Coalescer<Outcome>;
  private readonly unsettled = new Set<ClaimedJob>();
  private forgetTimer: NodeJS.Timeout | undefined;
  private readonly idleWaiters: (() => void)[] = [];
  private isAbandoned = false;

  constructor(private readonly options: SettlerOptions) {
    const how = { ...BATCHES, spacing: SPACING, afterBatch: () => this.tellIdle() };
    this.coalescer = new Coalescer((batch) => this.settleAll(batch), how);
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
    this.options.ledger.settle(job);
    this.forgetLater();
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
    clearTimeout(this.forgetTimer);
  }

  /** Deletes the rows of finished claims that are still there. */
  async forgetFinished(): Promise<void> {
    clearTimeout(this.forgetTimer);
    this.forgetTimer = undefined;
    if (this.isAbandoned) return;
    const { ledger, installation, workerId } = this.options;
    const finished = ledger.takeFinished();
    if (finished.length === 0) return;
    await forgetClaimBatches(installation.db, workerId, finished).then(
      () => ledger.drop(finished),
      () => {
        ledger.giveBack(finished);
        if (!this.isAbandoned) this.forgetLater();
      },
    );
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

  /** Settles outcomes of one kind, again and again until they are; a batch that cannot be is halved. */
  private async settle(outcomes: Outcome[]): Promise<void> {
    for (let tries = 0; !this.isAbandoned; tries++) {
      try {
        await this.settleOnce(outcomes);
        return;
      } catch (error) {
        if (isPostgresError(error, 'unavailable', 'other')) {
          this.options.installation.events.emit('settleDelayed', { waiting: this.unsettled.size, error });
          await wait(Math.min(50 * 2 ** Math.min(tries, 6), 2_000));
        } else if (error instanceof UnstorableResults) {
          return this.settleWithout(outcomes, error);
        } else if (outcomes.length > 1) {
          const middle = outcomes.length >> 1;
          await Promise.all([this.settle(outcomes.slice(0, middle)), this.settle(outcomes.slice(middle))]);
          return;
        } else {
          const [outcome] = outcomes as [Outcome];
          const isHeld = isPostgresError(error, 'lock_conflict');
          void this.settleLater([isHeld ? outcome : storable(outcome, messageOf(error))]);
          return;
        }
      }
    }
    for (const { job } of outcomes) this.unsettled.delete(job);
  }

  /**
   * Somebody's transaction holds the row, or a trigger of theirs refuses it, perhaps for long: it is tried again by itself,
   * and no batch waits for it.
   */
  private async settleLater(outcomes: Outcome[]): Promise<void> {
    await wait(100 + Math.random() * 100);
    await this.settle(outcomes);
    this.tellIdle();
  }

  /** Those whose results cannot be stored fail; the rest is settled as it was meant to be. */
  private async settleWithout(outcomes: Outcome[], { messages }: UnstorableResults): Promise<void> {
    const isUnstorable = ({ job }: Outcome) => messages.has(attemptKey(job));
    const rest = outcomes.filter((outcome) => !isUnstorable(outcome));
    const failed = outcomes
      .filter(isUnstorable)
      .map((outcome) => storable(outcome, messages.get(attemptKey(outcome.job)) as string));
    await Promise.all([this.settle(failed), rest.length > 0 ? this.settle(rest) : undefined]);
  }

  private async settleOnce(outcomes: readonly Outcome[]): Promise<void> {
    const { installation, workerId, ledger, isDeadLetterEnabled, maxResultBytes } = this.options;
    const isCompletion = outcomes[0]?.kind === 'completed';
    const finishedBatches = isCompletion ? ledger.takeFinished(outcomes.map(({ job }) => job)) : [];
    let settlement: Settlement;
    let before: Outcome[] = [];
    try {
      const options = { finishedBatches, isDeadLetterEnabled, maxResultBytes };
      settlement = await settleOutcomes(installation.db, workerId, outcomes, options);
      const unmatched = without(outcomes, settlement.settled);
      if (unmatched.length > 0) before = await this.explainUnmatched(unmatched);
    } catch (error) {
      ledger.giveBack(finishedBatches);
      throw error;
    }
    this.finish(outcomes, [...settlement.settled, ...before]);
    ledger.drop(finishedBatches);
    // What is released has waited once already.
    await this.afterCommit(settlement, before, outcomes[0]?.kind === 'released' ? 'front' : 'back');
  }

  /** No row matched: it was settled before, and is returned as it is on record, or the attempt was taken from us. */
  private async explainUnmatched(unmatched: readonly Outcome[]): Promise<Outcome[]> {
    const { installation, workerId } = this.options;
    const before = await findSettled(installation.db, workerId, unmatched);
    const known = new Set(before.map(({ job }) => job));
    const jobIds = unmatched.filter(({ job }) => !known.has(job)).map(({ job }) => job.id);
    if (jobIds.length > 0) installation.events.emit('ownershipLost', { jobIds, workerId });
    return before;
  }

  private finish(outcomes: readonly Outcome[], settled: readonly Outcome[]): void {
    for (const { job } of outcomes) {
      this.unsettled.delete(job);
      this.options.ledger.settle(job);
    }
    this.forgetLater();
    this.options.installation.events.emit('settled', settled.map(describe));
  }

  /** What follows from the commit. A failure here is made good by the sweep, and must not settle again. */
  private async afterCommit(
    { parentIds, readyIds }: Settlement,
    settledBefore: readonly Outcome[],
    end: 'back' | 'front',
  ): Promise<void> {
    const { installation } = this.options;
    try {
      const parents = [...parentIds, ...settledBefore.map(({ job }) => job.id)];
      if (parents.length > 0) await releaseDependents(installation, parents);
      if (readyIds.length > 0) await dispatchReadyOf(installation, readyIds, end);
    } catch (error) {
      installation.logger.warn('dependents were not released after a settle; the sweep will', {
        error: messageOf(error),
      });
    }
  }

  private forgetLater(): void {
    if (this.isAbandoned) return;
    this.forgetTimer ??= setTimeout(() => void this.forgetFinished(), FORGET_AFTER_MS);
  }
}

function without(outcomes: readonly Outcome[], some: readonly Outcome[]): Outcome[] {
  if (some.length === outcomes.length) return [];
  const left = new Set(outcomes);
  for (const outcome of some) left.delete(outcome);
  return [...left];
}
