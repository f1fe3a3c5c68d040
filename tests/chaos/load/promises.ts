import type { JobStatus } from '../../../shared/jobs/job-state.js';

/** A job that somebody was promised: the submit was acknowledged, or its transaction committed. */
export interface PromisedJob {
  readonly id: number;
  readonly ref: string;
  readonly jobType: string;
  /** Statuses in which it may end. */
  readonly mayEndAs: Set<JobStatus>;
  /** Somebody asked for it to run again, so that more attempts than one are right. */
  isAskedAgain: boolean;
}

/** What the harness was told, to be held against the tables at the end. */
export class Promises {
  readonly jobs = new Map<string, PromisedJob>();
  /** Refs of jobs whose transaction was rolled back, or whose submit was refused: they must not exist. */
  readonly refused = new Set<string>();
  /** Idempotency keys; each may have one row. */
  readonly keys = new Set<string>();
  private readonly byApi = new Map<string, ApiAnswers>();
  private lastRef = 0;

  nextRef(): string {
    return `r${++this.lastRef}`;
  }

  get refs(): number {
    return this.lastRef;
  }

  keep(id: number, ref: string, jobType: string): PromisedJob {
    const job = { id, ref, jobType, mayEndAs: new Set(endsOf(jobType)), isAskedAgain: false };
    this.jobs.set(ref, job);
    return job;
  }

  answersOf(api: string): ApiAnswers {
    const answers = this.byApi.get(api) ?? {
      submitted: 0,
      cancelled: 0,
      maybeSubmitted: 0,
      maybeCancelled: 0,
    };
    this.byApi.set(api, answers);
    return answers;
  }
}

/** What an API process has acknowledged, for its counters; and where its answer left open whether it was done. */
export interface ApiAnswers {
  submitted: number;
  cancelled: number;
  maybeSubmitted: number;
  maybeCancelled: number;
}

const FAILING = ['permanent', 'exhausted', 'unstorable', 'overdue', 'memory', 'deaf'];

function endsOf(jobType: string): readonly JobStatus[] {
  return FAILING.includes(jobType) ? ['failed'] : ['completed'];
}
