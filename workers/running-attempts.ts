import type { ClaimedJob } from '../shared/jobs/claimed-job.js';
import type { AbortCause } from '../shared/jobs/decide-outcome.js';
import { SUSPECT_AFTER_LOSSES } from '../shared/jobs/job-state.js';
import { monotonicMs } from '../shared/time/monotonic.js';
import type { Attempt } from './attempt.js';
import { DeadlineBoard } from './deadline-board.js';

/** The attempts whose handlers run in this process. */
export class RunningAttempts {
  readonly board = new DeadlineBoard();
  private readonly attempts = new Set<Attempt>();
  private suspects = 0;
  /** Called before an attempt begins while none runs. */
  beforeFirst: (() => void) | undefined;

  get size(): number {
    return this.attempts.size;
  }

  /** A process runs one suspect at a time. */
  get hasSuspect(): boolean {
    return this.suspects > 0;
  }

  jobIds(): number[] {
    return Array.from(this.attempts, ({ job }) => job.id);
  }

  all(): Iterable<Attempt> {
    return this.attempts;
  }

  find(job: { id: number; attempt: number }): Attempt | undefined {
    for (const attempt of this.attempts)
      if (attempt.jobId === job.id && attempt.attempt === job.attempt) return attempt;
    return undefined;
  }

  add(attempt: Attempt): void {
    if (this.attempts.size === 0) this.beforeFirst?.();
    this.attempts.add(attempt);
    if (isSuspect(attempt.job)) this.suspects++;
    this.board.add(attempt);
  }

  delete(attempt: Attempt): void {
    if (this.attempts.delete(attempt) && isSuspect(attempt.job)) this.suspects--;
    this.board.remove(attempt);
  }

  abortAll(cause: AbortCause, graceMs: number): void {
    for (const attempt of this.attempts) attempt.abort(cause, graceMs);
  }

  /** One turn of the event loop: aborts what is over its timeout, and leaves word for the heartbeat's thread. */
  turn(graceMs: number): void {
    const now = monotonicMs();
    for (const attempt of this.attempts) {
      if (attempt.deadlineMs <= now) attempt.abort('timeout', graceMs);
    }
    // Overdue ones too: a handler may block the loop before it ends.
    this.board.turn(this.attempts);
  }
}

/** Lost with its process before: it may be what ended it. */
export const isSuspect = (job: ClaimedJob): boolean => job.lostCount >= SUSPECT_AFTER_LOSSES;
