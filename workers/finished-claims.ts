import type { ClaimedJob } from '../shared/jobs/claimed-job.js';
import { forgetClaimBatches } from '../shared/jobs/release-jobs.js';
import type { Database } from '../shared/postgres/create-database.js';
import type { ClaimLedger } from './claim-ledger.js';

/** A finished claim whose deletion found no settle to ride on. */
const FORGET_AFTER_MS = 50;

/** Deletes the rows of claims all of whose jobs are settled: with a settle as a rule, else a moment later. */
export class FinishedClaims {
  private timer: NodeJS.Timeout | undefined;
  private isAbandoned = false;

  constructor(
    private readonly db: Database,
    private readonly workerId: string,
    private readonly ledger: ClaimLedger,
  ) {}

  /** Settles these jobs by `settle`, which also deletes the rows of the claims that it is given. @throws what `settle` throws */
  async settleWith<T>(
    jobs: readonly ClaimedJob[],
    settle: (batchNos: readonly number[]) => Promise<T>,
  ): Promise<T> {
    const batchNos = this.ledger.takeFinished(jobs);
    try {
      const result = await settle(batchNos);
      this.note(jobs);
      this.ledger.drop(batchNos);
      return result;
    } catch (error) {
      this.ledger.giveBack(batchNos);
      throw error;
    }
  }

  /** These are settled, by whomever. */
  note(jobs: readonly ClaimedJob[]): void {
    for (const job of jobs) this.ledger.settle(job);
    if (!this.isAbandoned) this.timer ??= setTimeout(() => void this.forget(), FORGET_AFTER_MS);
  }

  /** Deletes what is left now. Never throws. */
  async forget(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.isAbandoned) return;
    const batchNos = this.ledger.takeFinished();
    if (batchNos.length === 0) return;
    try {
      await forgetClaimBatches(this.db, this.workerId, batchNos);
      this.ledger.drop(batchNos);
    } catch {
      this.ledger.giveBack(batchNos);
      this.note([]);
    }
  }

  /** The rows must stay from now on: they are how the worker's jobs are rescued. */
  abandon(): void {
    this.isAbandoned = true;
    clearTimeout(this.timer);
  }
}
