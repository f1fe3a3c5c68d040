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
    if (this.unsettled.delete(job.batchNo) && !this.leaving.has(job.batchNo)) this.finished.add(job.batchNo);
  }

  /**
   * The batches to be forgotten in PostgreSQL: those that are finished, and those that `settling` finishes, for a statement
   * that settles these jobs at the same time. Then `drop` them, or `giveBack` those that could not be.
   */
  takeFinished(settling: readonly ClaimedJob[] = []): number[] {
    const batchNos = [...this.finished, ...this.findFinishedBy(settling)];
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
      if (!this.unsettled.has(batchNo)) this.finished.add(batchNo);
    }
  }

  private findFinishedBy(settling: readonly ClaimedJob[]): number[] {
    const counts = new Map<number, number>();
    for (const { batchNo } of settling) counts.set(batchNo, (counts.get(batchNo) ?? 0) + 1);
    return [...counts].filter(([batchNo, count]) => this.unsettled.get(batchNo) === count).map(([no]) => no);
  }

  isKnown(batchNo: number): boolean {
    return [this.unsettled, this.finished, this.leaving, this.underWay].some((known) => known.has(batchNo));
  }
}
