import type { ClaimedJob } from '../shared/jobs/claimed-job.js';

/**
 * Which claims of this worker still have unsettled jobs: its side of `claim_batches`. A batch's row may go only when all
 * its jobs are settled, or a crash would leave a job that nobody rescues.
 */
export class ClaimLedger {
  private readonly unsettled = new Map<number, number>();
  private readonly finished = new Set<number>();
  /** Being forgotten in PostgreSQL: until that is committed their rows are still there, and still known. */
  private readonly leaving = new Set<number>();
  private readonly underWay = new Set<number>();
  private lastNo = 0;

  /** Begins a claim. Until `end`, nobody else may decide about it. */
  begin(): number {
    const batchNo = ++this.lastNo;
    this.underWay.add(batchNo);
    return batchNo;
  }

  end(batchNo: number, jobs: readonly ClaimedJob[]): void {
    this.underWay.delete(batchNo);
    if (jobs.length > 0) this.unsettled.set(batchNo, jobs.length);
  }

  settle(job: ClaimedJob): void {
    const left = (this.unsettled.get(job.batchNo) ?? 0) - 1;
    if (left > 0) {
      this.unsettled.set(job.batchNo, left);
      return;
    }
    if (this.unsettled.delete(job.batchNo)) this.finished.add(job.batchNo);
  }

  /** The finished batches, to be forgotten in PostgreSQL. Then `drop` them, or `giveBack` those that could not be. */
  takeFinished(): number[] {
    const batchNos = [...this.finished];
    this.finished.clear();
    for (const batchNo of batchNos) this.leaving.add(batchNo);
    return batchNos;
  }

  drop(batchNos: readonly number[]): void {
    for (const batchNo of batchNos) this.leaving.delete(batchNo);
  }

  giveBack(batchNos: readonly number[]): void {
    for (const batchNo of batchNos) {
      this.leaving.delete(batchNo);
      this.finished.add(batchNo);
    }
  }

  isKnown(batchNo: number): boolean {
    return [this.unsettled, this.finished, this.leaving, this.underWay].some((known) => known.has(batchNo));
  }
}
