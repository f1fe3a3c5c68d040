import type { ClaimedJob } from '../shared/jobs/claimed-job.js';
import type { AbortCause } from '../shared/jobs/decide-outcome.js';
import { SUSPECT_AFTER_LOSSES } from '../shared/jobs/job-state.js';
import { monotonicMs } from '../shared/time/monotonic.js';
import type { Attempt } from './attempt.js';
import { DeadlineBoard } from './deadline-board.js';

/** The attempts whose handlers run in this process, and the claimed jobs whose handlers are to begin. */
export class RunningAttempts {
  readonly board = new DeadlineBoard();
  private readonly attempts = new Set<Attempt>();
  private readonly expected = new Set<ClaimedJob>();
  private suspects = 0;
  private expectedSuspects = 0;
  private isClosed = false;
  /** Called before an attempt begins while none runs. */
  beforeFirst: (() => void) | undefined;

  get size(): number {
    return this.attempts.size;
  }

  /** A process runs one suspect at a time, and claims no other before that has ended. */
  get hasSuspect(): boolean {
    return this.runsSuspect || this.expectedSuspects > 0;
  }

  get runsSuspect(): boolean {
    return this.suspects > 0;
  }

  /** What this process owns: of what is expected, too. */
  jobs(): ClaimedJob[] {
    return [...Array.from(this.attempts, ({ job }) => job), ...this.expected];
  }

  /** A job was claimed. Its handler begins as soon as it has a slot, unless it is given up before. */
  expect(job: ClaimedJob): void {
    if (this.isClosed) return;
    this.expected.add(job);
    if (isSuspect(job)) this.expectedSuspects++;
  }

  /** Its turn has come, or will not. False: it is void, by a cancel or because all is: its handler must not begin. */
  takeExpected(job: ClaimedJob): boolean {
    const isExpected = this.expected.delete(job);
    if (isExpected && isSuspect(job)) this.expectedSuspects--;
    return isExpected;
  }

  /** Makes what was claimed and has not begun void. False: it is not among what is expected. */
  dropExpected(wanted: { id: number; attempt: number }): boolean {
    for (const job of this.expected)
      if (job.id === wanted.id && job.attempt === wanted.attempt) return this.takeExpected(job);
    return false;
  }

  /** Nothing may begin any more: what was claimed is no longer ours. */
  close(): void {
    this.isClosed = true;
    this.expected.clear();
    this.expectedSuspects = 0;
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
