import { HoldfastError } from '../shared/errors.js';
import type { ClaimedJob } from '../shared/jobs/claimed-job.js';
import { completeJobIn } from '../shared/jobs/complete-jobs.js';
import type { AbortCause } from '../shared/jobs/decide-outcome.js';
import type { JobContext, JobLog } from '../shared/jobs/define-job.js';
import { complete, type LogLine, type OutcomeOf } from '../shared/jobs/outcome.js';
import { readParents, type ParentJob } from '../shared/jobs/read-parents.js';
import { DEFAULT_MOST_BYTES } from '../shared/jobs/storable-json.js';
import { storableText } from '../shared/jobs/storable-text.js';
import type { QueryTarget } from '../shared/postgres/query-target.js';
import { monotonicMs } from '../shared/time/monotonic.js';

/** What is kept of a handler's log with its attempt. */
const LOG_LINES = 200;
const LOG_LINE_LENGTH = 2_000;
const NO_LINES: readonly LogLine[] = [];

const isPromise = <T>(value: Promise<T> | T): value is Promise<T> =>
  typeof (value as { then?: unknown } | null | undefined)?.then === 'function';

/** Where an attempt runs. */
export interface AttemptHome {
  readonly db: QueryTarget;
  readonly workerId: string;
  /** The largest result, in bytes of JSON. Default 1 MiB. */
  readonly maxResultBytes?: number;
}

/** One running attempt: what its handler is given, and how it is told to end. */
export class Attempt implements JobContext {
  readonly startedAtMs = monotonicMs();
  readonly deadlineMs: number;
  private lines: LogLine[] | undefined;
  /** Percent, not yet written. */
  unsavedProgress: number | undefined;
  /** The handler completed the job in a transaction of its own; whether that committed, the settle finds out. */
  isCompletedInTransaction = false;
  abortedFor: AbortCause | undefined;
  private controller: AbortController | undefined;
  private abandon: ((error: Error) => void) | undefined;

  constructor(
    readonly job: ClaimedJob,
    private readonly home: AttemptHome,
  ) {
    this.deadlineMs = this.startedAtMs + job.timeoutMs;
  }

  get jobId(): number {
    return this.job.id;
  }
  get attempt(): number {
    return this.job.attempt;
  }
  get jobType(): string {
    return this.job.jobType;
  }
  get queue(): string {
    return this.job.queue;
  }
  get metadata(): Readonly<Record<string, unknown>> {
    return this.job.metadata ?? {};
  }
  get durationMs(): number {
    return monotonicMs() - this.startedAtMs;
  }

  /** Made when it is first asked for: most short handlers never look, and a controller is dear. */
  get signal(): AbortSignal {
    if (!this.controller) {
      this.controller = new AbortController();
      if (this.abortedFor) this.controller.abort(abortReason(this.abortedFor));
    }
    return this.controller.signal;
  }

  get logs(): readonly LogLine[] {
    return this.lines ?? NO_LINES;
  }

  // Made when they are asked for, and bound, so that a handler may take them out of its context.
  get log(): JobLog {
    return {
      debug: (message) => this.keepLog('debug', message),
      info: (message) => this.keepLog('info', message),
      warn: (message) => this.keepLog('warn', message),
      error: (message) => this.keepLog('error', message),
    };
  }
  get progress(): (percent: number) => void {
    return (percent) => {
      this.unsavedProgress = Math.round(Math.min(100, Math.max(0, percent)));
    };
  }
  get parents(): () => Promise<ParentJob[]> {
    return () => readParents(this.home.db, this.jobId);
  }
  get complete(): (tx: QueryTarget, result?: unknown) => Promise<void> {
    return (tx, result) => this.completeIn(tx, result);
  }

  /** Tells the handler to end; if it has not within `graceMs`, goes on without it. */
  abort(cause: AbortCause, graceMs: number): void {
    if (this.abortedFor) return;
    this.abortedFor = cause;
    this.controller?.abort(abortReason(cause));
    setTimeout(() => this.abandon?.(abortReason(cause)), graceMs).unref();
  }

  /** Runs the handler; rejects when it was aborted and did not end in time. */
  run<T>(handler: () => Promise<T> | T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.abandon = reject;
      const returned = handler();
      // Not resolve(returned): a promise that follows another one cannot be abandoned any more.
      if (isPromise(returned)) returned.then(resolve, reject);
      else resolve(returned);
    });
  }

  private async completeIn(tx: QueryTarget, result: unknown): Promise<void> {
    const end = { job: this.job, durationMs: this.durationMs, logs: this.logs };
    const outcome = complete(end, result) as OutcomeOf<'completed'>;
    const { workerId, maxResultBytes = DEFAULT_MOST_BYTES } = this.home;
    if (!(await completeJobIn(tx, workerId, outcome, maxResultBytes))) {
      throw new HoldfastError(
        'already_finished',
        `attempt ${this.attempt} no longer owns job ${this.jobId}: roll back`,
      );
    }
    this.isCompletedInTransaction = true;
  }

  private keepLog(level: LogLine['level'], message: string): void {
    this.lines ??= [];
    if (this.lines.length >= LOG_LINES) return;
    const text = storableText(message, LOG_LINE_LENGTH);
    this.lines.push({ at: new Date().toISOString(), level, message: text });
  }
}

function abortReason(cause: AbortCause): Error {
  const reasons: Record<AbortCause, string> = {
    timeout: 'the job is over its timeout',
    cancelled: 'the job was cancelled',
    shutdown: 'the worker shuts down',
    lost: 'the worker lost ownership of the job',
  };
  return Object.assign(new Error(reasons[cause]), {
    name: cause === 'timeout' ? 'TimeoutError' : 'AbortError',
  });
}
