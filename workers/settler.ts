import { setTimeout as wait } from 'node:timers/promises';
import { messageOf } from '../shared/errors.js';
import { groupBy } from '../shared/group-by.js';
import type { ClaimedJob } from '../shared/jobs/claimed-job.js';
import type { Installation } from '../shared/installation.js';
import { dispatchReadyOf } from '../shared/jobs/dispatch-jobs.js';
import { findSettled } from '../shared/jobs/find-settled.js';
import { attemptKey, deadLetter, type Outcome } from '../shared/jobs/outcome.js';
import { forgetClaimBatches } from '../shared/jobs/release-jobs.js';
import { releaseDependents } from '../shared/jobs/release-dependents.js';
import { settleOutcomes, type SettledRow } from '../shared/jobs/settle-jobs.js';
import { isPostgresError } from '../shared/postgres/postgres-error.js';
import type { ClaimLedger } from './claim-ledger.js';

export interface SettlerOptions {
  readonly installation: Installation;
  readonly workerId: string;
  readonly ledger: ClaimLedger;
  readonly isDeadLetterEnabled: boolean;
  /** Outcomes that may wait before the worker stops taking jobs. */
  readonly maxWaiting: number;
}

const MAX_BATCH = 500;
/** One settle commits while the next one fills; more would only contend. */
const MAX_IN_FLIGHT = 2;
/** A finished batch whose deletion found no settle to ride on. */
const FORGET_AFTER_MS = 50;

/**
 * Records outcomes, those of the same moment together. While PostgreSQL is away they wait here; nothing that a handler
 * returned is dropped while the process lives.
 */
export class Settler {
  private waiting: Outcome[] = [];
  private readonly unsettled = new Set<ClaimedJob>();
  private inFlight = 0;
  private isScheduled = false;
  private forgetTimer: NodeJS.Timeout | undefined;
  private readonly idleWaiters: (() => void)[] = [];
  private isAbandoned = false;

  constructor(private readonly options: SettlerOptions) {}

  /** Too much waits for PostgreSQL: take no more jobs. */
  get isFull(): boolean {
    return this.unsettled.size >= this.options.maxWaiting;
  }

  add(outcome: Outcome): void {
    this.waiting.push(outcome);
    this.unsettled.add(outcome.job);
    this.schedule();
  }

  /** Jobs whose outcomes wait to be recorded. */
  jobIds(): number[] {
    return [...this.unsettled].map(({ id }) => id);
  }

  /** An attempt that ended without an outcome of ours: somebody else recorded it. */
  skip(job: Outcome['job']): void {
    this.options.ledger.settle(job);
    this.forgetLater();
  }

  /** Resolves when every outcome given so far is recorded. */
  async whenIdle(): Promise<void> {
    if (this.unsettled.size === 0 && this.inFlight === 0) return;
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

  private schedule(): void {
    if (this.isScheduled || this.inFlight >= MAX_IN_FLIGHT || this.waiting.length === 0) return;
    this.isScheduled = true;
    setImmediate(() => {
      this.isScheduled = false;
      const batch = this.waiting.splice(0, MAX_BATCH);
      if (batch.length === 0) return;
      this.inFlight++;
      const kinds = groupBy(batch, ({ kind }) => kind);
      void Promise.all([...kinds.values()].map((alike) => this.settle(alike))).finally(() => {
        this.inFlight--;
        this.schedule();
        if (this.unsettled.size === 0 && this.inFlight === 0)
          this.idleWaiters.splice(0).forEach((resolve) => resolve());
      });
      this.schedule();
    });
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
        } else if (outcomes.length > 1) {
          const middle = outcomes.length >> 1;
          await Promise.all([this.settle(outcomes.slice(0, middle)), this.settle(outcomes.slice(middle))]);
          return;
        } else if (isPostgresError(error, 'lock_conflict')) {
          await wait(100 + Math.random() * 100);
        } else {
          outcomes = [storable(outcomes[0] as Outcome, error)];
          await wait(Math.min(50 * tries, 2_000));
        }
      }
    }
    for (const { job } of outcomes) this.unsettled.delete(job);
  }

  private async settleOnce(outcomes: readonly Outcome[]): Promise<void> {
    const { installation, workerId, ledger, isDeadLetterEnabled } = this.options;
    const finished = ledger.takeFinished();
    let rows: SettledRow[];
    try {
      rows = await settleOutcomes(installation.db, workerId, outcomes, {
        finishedBatches: finished,
        isDeadLetterEnabled,
      });
    } catch (error) {
      ledger.giveBack(finished);
      throw error;
    }
    if (outcomes[0]?.kind === 'completed') ledger.drop(finished);
    else ledger.giveBack(finished);
    const settled = new Set(rows.map(attemptKey));
    const unmatched = outcomes.filter(({ job }) => !settled.has(attemptKey(job)));
    if (unmatched.length > 0) await this.explainUnmatched(unmatched, settled);
    this.finish(outcomes, settled);
    await this.afterCommit(
      rows,
      outcomes.filter(({ job }) => settled.has(attemptKey(job)) && unmatched.some((o) => o.job === job)),
    );
  }

  /** No row matched: an earlier settle whose reply was lost, or the attempt was taken from us. Adds the former to `settled`. */
  private async explainUnmatched(unmatched: readonly Outcome[], settled: Set<string>): Promise<void> {
    const { installation, workerId } = this.options;
    for (const key of await findSettled(installation.db, workerId, unmatched)) settled.add(key);
    const lost = unmatched.filter(({ job }) => !settled.has(attemptKey(job)));
    if (lost.length > 0)
      installation.events.emit('ownershipLost', { jobIds: lost.map(({ job }) => job.id), workerId });
  }

  private finish(outcomes: readonly Outcome[], settled: ReadonlySet<string>): void {
    for (const { job } of outcomes) {
      this.unsettled.delete(job);
      this.options.ledger.settle(job);
    }
    this.forgetLater();
    this.options.installation.events.emit(
      'settled',
      outcomes.filter(({ job }) => settled.has(attemptKey(job))).map(describe),
    );
  }

  /** What follows from the commit. A failure here is made good by the sweep, and must not settle again. */
  private async afterCommit(rows: readonly SettledRow[], settledBefore: readonly Outcome[]): Promise<void> {
    const { installation } = this.options;
    try {
      const parents = [
        ...rows.filter((row) => row.hasDependents).map(({ id }) => id),
        ...settledBefore.map(({ job }) => job.id),
      ];
      if (parents.length > 0) await releaseDependents(installation, parents);
      await dispatchReadyOf(
        installation,
        rows.filter((row) => row.isReady).map(({ id }) => id),
      );
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

/** What could not be stored is left out; a result that JSON or PostgreSQL cannot hold fails its job, and says so. */
function storable(outcome: Outcome, error: unknown): Outcome {
  if (outcome.kind !== 'completed') return { ...outcome, logs: [] };
  const message = `what the handler returned cannot be stored: ${messageOf(error)}`;
  return deadLetter({ ...outcome, logs: [] }, { message, errorClass: 'permanent' }, 'permanent');
}

function describe(outcome: Outcome) {
  const { job, kind, durationMs } = outcome;
  const error =
    'error' in outcome ? { errorClass: outcome.error.errorClass, errorMessage: outcome.error.message } : {};
  return {
    id: job.id,
    attempt: job.attempt,
    jobType: job.jobType,
    queue: job.queue,
    kind,
    durationMs,
    ...error,
  };
}
