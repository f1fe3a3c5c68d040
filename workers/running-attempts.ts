import type { ClaimedJob } from '../shared/jobs/claimed-job.js';
import type { AbortCause } from '../shared/jobs/decide-outcome.js';
import { SUSPECT_AFTER_LOSSES } from '../shared/jobs/job-state.js';
import { attemptKey } from '../shared/jobs/outcome.js';
import { monotonicMs } from '../shared/time/monotonic.js';
import type { Attempt } from './attempt.js';

/** The attempts whose handlers run in this process. */
export class RunningAttempts {
  /** For the heartbeat's thread: when the event loop last turned, and the earliest deadline of a running job. */
  readonly clock = new SharedArrayBuffer(16);
  private readonly times = new Float64Array(this.clock).fill(Infinity);
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
    if (isSuspect(attempt.job)) this.suspects++;
    // Before the handler runs: it may block the loop at once, and for ever.
    this.times[1] = Math.min(this.times[1] ?? Infinity, attempt.deadlineMs);
  }

  delete(attempt: Attempt): void {
    if (this.attempts.delete(attemptKey(attempt.job)) && isSuspect(attempt.job)) this.suspects--;
  }

  abortAll(cause: AbortCause, graceMs: number): void {
    for (const attempt of this.attempts.values()) attempt.abort(cause, graceMs);
  }

  /** One turn of the event loop: aborts what is over its timeout, and leaves word for the heartbeat's thread. */
  turn(graceMs: number): void {
    const now = monotonicMs();
    let nextDeadline = Infinity;
    for (const attempt of this.attempts.values()) {
      if (attempt.deadlineMs <= now) attempt.abort('timeout', graceMs);
      // An overdue one too: its handler may block the loop before it ends.
      nextDeadline = Math.min(nextDeadline, attempt.deadlineMs);
    }
    this.times[1] = nextDeadline;
    this.times[0] = now;
  }
}

/** Lost with its process before: it may be what ended it. */
export const isSuspect = (job: ClaimedJob): boolean => job.lostCount >= SUSPECT_AFTER_LOSSES;
