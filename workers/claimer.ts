import { setTimeout as wait } from 'node:timers/promises';
import { messageOf } from '../shared/errors.js';
import type { Installation } from '../shared/installation.js';
import { claimJobs, type ClaimRequest } from '../shared/jobs/claim-jobs.js';
import { claimReady, findReady, type ReadySearch } from '../shared/jobs/claim-ready.js';
import type { ClaimedJob } from '../shared/jobs/claimed-job.js';
import { dispatchReadyOf } from '../shared/jobs/dispatch-jobs.js';
import { findHeldJobs } from '../shared/jobs/find-held.js';
import { readClaimBatches, releaseUnknownBatch } from '../shared/jobs/release-jobs.js';
import { isPostgresError } from '../shared/postgres/postgres-error.js';
import { readOfOtherTypes, setAsideUnhandled } from '../shared/workers/registry.js';
import { MOST_TRIES, pauseAfter } from './batch-tries.js';
import type { ClaimLedger } from './claim-ledger.js';
import { RefusedJobs } from './refused-jobs.js';
import type { RunningAttempts } from './running-attempts.js';

export interface ClaimerOptions {
  readonly installation: Installation;
  readonly workerId: string;
  readonly jobTypes: readonly string[];
  readonly ledger: ClaimLedger;
  readonly running: RunningAttempts;
  /** Jobs whose handlers have ended and whose outcomes wait to be recorded. */
  readonly unsettledJobs: () => Iterable<ClaimedJob>;
}

/** What came of claiming ids that were taken. */
export interface Claim {
  readonly jobs: readonly ClaimedJob[];
  /** Ids that went back to their lanes, for workers of other types: taken at once again, they would go round and round. */
  readonly putBack: number;
}

/** A batch larger than this is no faster, and unfair to other workers. */
export const MAX_BATCH = 500;

const NOTHING: Claim = { jobs: [], putBack: 0 };

/** Makes jobs this worker's, and makes sure that it knows of every one that became so. */
export class Claimer {
  /** Set by `stop`: claims bring nothing any more, and what was not claimed must not be forgotten. */
  isStopping = false;
  /** Ends when the comparison under way has ended. */
  private compared: Promise<void> = Promise.resolve();
  private nextComparison: Promise<void> | undefined;
  private readonly refused = new RefusedJobs();

  constructor(private readonly options: ClaimerOptions) {}

  get jobTypes(): readonly string[] {
    return this.options.jobTypes;
  }

  /** Ends retries under way; what PostgreSQL did not answer is left to the rescue. */
  stop(): void {
    this.isStopping = true;
  }

  /** Claims taken ids. Waits while PostgreSQL is away: the ids are safe in the processing list. */
  async claim(taken: readonly number[], firstTry = 1): Promise<Claim> {
    let ids = this.refused.leaveOut(taken);
    for (let tries = firstTry; ids.length > 0 && !this.isStopping; tries++) {
      try {
        const jobs = await this.attempt((request) => claimJobs(this.options.installation.db, ids, request));
        return { jobs, putBack: jobs.length < ids.length ? await this.explainMissing(ids, jobs) : 0 };
      } catch (error) {
        if (isPostgresError(error, 'lock_conflict')) {
          const free = await this.leaveHeld(ids);
          if (free.length < ids.length) {
            ids = free;
            continue;
          }
        }
        if (!isPostgresError(error, 'unavailable') && tries >= MOST_TRIES) return this.claimApart(ids, error);
        if (tries === 1)
          this.options.installation.logger.warn('a claim failed; trying again', { error: messageOf(error) });
        await wait(pauseAfter(tries));
        await this.reconcile().catch(() => undefined);
      }
    }
    return NOTHING;
  }

  /** Somebody's transaction holds the rows of the others: they are left to the poll and the sweep, which skip them while they are locked. */
  private async leaveHeld(ids: readonly number[]): Promise<readonly number[]> {
    const held = await findHeldJobs(this.options.installation.db, ids).catch(() => new Set<number>());
    return ids.filter((id) => !held.has(id));
  }

  /** One of them cannot be claimed, and must not keep the others from it: they are halved until it is alone. */
  private async claimApart(ids: readonly number[], error: unknown): Promise<Claim> {
    if (ids.length > 1) {
      const middle = ids.length >> 1;
      const one = await this.claim(ids.slice(0, middle), MOST_TRIES);
      const other = await this.claim(ids.slice(middle), MOST_TRIES);
      return { jobs: [...one.jobs, ...other.jobs], putBack: one.putBack + other.putBack };
    }
    const [jobId] = ids as [number];
    this.refused.add(jobId);
    const what =
      'PostgreSQL refuses to let a job be claimed; tried again later. Is it a trigger or a constraint of your own on table jobs?';
    this.options.installation.logger.error(what, { jobId, error: messageOf(error) });
    return NOTHING;
  }

  /** Looks for ready jobs in PostgreSQL itself. @throws PostgresError */
  async claimReady(search: ReadySearch): Promise<ClaimedJob[]> {
    if (this.isStopping) return [];
    const { db } = this.options.installation;
    const without = this.refused.ids();
    try {
      return await this.attempt((request) => claimReady(db, { ...search, without }, request));
    } catch (error) {
      await this.reconcile().catch(() => undefined);
      if (isPostgresError(error, 'unavailable')) throw error;
      // One of them is refused: by their ids it is found out which.
      const { jobs } = await this.claim(await findReady(db, { ...search, without }, this.claimant));
      return [...jobs];
    }
  }

  /** The number of a claim, by us or by somebody for us; until `endClaim` nobody else may decide about what it claims. */
  beginClaim(): number {
    return this.options.ledger.begin();
  }

  /** These were claimed under it, or nothing was as far as we know. */
  endClaim(batchNo: number, jobs: readonly ClaimedJob[]): void {
    this.options.ledger.end(batchNo, jobs);
    if (jobs.length > 0) this.options.installation.events.emit('claimed', jobs);
  }

  /**
   * Compares what PostgreSQL says this worker owns with what it knows, and releases the rest: claims whose reply was lost. A comparison
   * under way may have looked before what the caller knows of: another one follows it.
   *
   * @throws PostgresError
   */
  async reconcile(): Promise<void> {
    this.nextComparison ??= this.compared.then(() => {
      this.nextComparison = undefined;
      const comparison = this.releaseUnknown();
      this.compared = comparison.catch(() => undefined);
      return comparison;
    });
    return this.nextComparison;
  }

  private async releaseUnknown(): Promise<void> {
    const { installation, workerId, ledger, running } = this.options;
    for (const batch of await readClaimBatches(installation.db, workerId)) {
      if (ledger.isKnown(batch.batchNo)) continue;
      const released = await releaseUnknownBatch(installation.db, workerId, batch, [
        ...running.jobs(),
        ...this.options.unsettledJobs(),
      ]);
      await dispatchReadyOf(installation, released, 'front');
    }
  }

  private get claimant(): Omit<ClaimRequest, 'batchNo'> {
    const { workerId, jobTypes, running } = this.options;
    return { workerId, jobTypes, mayClaimSuspect: !running.hasSuspect };
  }

  private async attempt(run: (request: ClaimRequest) => Promise<ClaimedJob[]>): Promise<ClaimedJob[]> {
    const batchNo = this.beginClaim();
    let jobs: ClaimedJob[] = [];
    try {
      jobs = await run({ ...this.claimant, batchNo });
    } finally {
      this.endClaim(batchNo, jobs);
    }
    return jobs;
  }

  /**
   * Duplicates, cancelled and deleted jobs are simply dropped; a type that nobody handles is set aside. What is ready and of
   * another type is for another worker of the queue: it is put back. Returns how many were.
   */
  private async explainMissing(ids: readonly number[], claimed: readonly ClaimedJob[]): Promise<number> {
    const { installation } = this.options;
    const found = new Set(claimed.map(({ id }) => id));
    const missing = ids.filter((id) => !found.has(id));
    installation.events.emit('claimMissed', { count: missing.length });
    try {
      await setAsideUnhandled(installation.db, missing);
      const foreign = await readOfOtherTypes(installation.db, missing, this.options.jobTypes);
      return await dispatchReadyOf(installation, foreign);
    } catch {
      // The sweep finds what is not put back.
      return 0;
    }
  }
}
