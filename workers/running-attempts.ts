import type { AbortCause } from '../shared/jobs/decide-outcome.js';
import { SUSPECT_AFTER_LOSSES } from '../shared/jobs/job-state.js';
import { attemptKey } from '../shared/jobs/outcome.js';
import { monotonicMs } from '../shared/time/monotonic.js';
import type { Attempt } from './attempt.js';

/** The attempts whose handlers run in this process. */
export class RunningAttempts {
  private readonly attempts = new Map<string, Attempt>();
  private suspects = 0;

  get size(): number {
    return this.attempts.size;
  }

  /** A process runs one suspect at a time. */
  get hasSuspect(): boolean {
    return this.suspects > 0;
  }

  jobIds(): number[] {
    return [...this.attempts.values()].map(({ job }) => job.id);
  }

  all(): Iterable<Attempt> {
    return this.attempts.values();
  }

  find(job: { id: number; attempt: number }): Attempt | undefined {
    return this.attempts.get(attemptKey(job));
  }

  add(attempt: Attempt): void {
    this.attempts.set(attemptKey(attempt.job), attempt);
    if (isSuspect(attempt)) this.suspects++;
  }

  delete(attempt: Attempt): void {
    if (this.attempts.delete(attemptKey(attempt.job)) && isSuspect(attempt)) this.suspects--;
  }

  abortAll(cause: AbortCause, graceMs: number): void {
    for (const attempt of this.attempts.values()) attempt.abort(cause, graceMs);
  }

  /** Aborts what is over its timeout; returns the next deadline on the monotonic clock, Infinity when none. */
  abortOverdue(graceMs: number): number {
    const now = monotonicMs();
    let nextDeadline = Infinity;
    for (const attempt of this.attempts.values()) {
      if (attempt.deadlineMs <= now) attempt.abort('timeout', graceMs);
      else nextDeadline = Math.min(nextDeadline, attempt.deadlineMs);
    }
    return nextDeadline;
  }
}

const isSuspect = (attempt: Attempt): boolean => attempt.job.lostCount >= SUSPECT_AFTER_LOSSES;
