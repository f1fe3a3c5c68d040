import { Coalescer, type CoalescerOptions } from '../coalescer.js';
import { HoldfastError } from '../errors.js';
import type { Installation } from '../installation.js';
import { needsOwnStatement, type NewJob, type SubmittedJob } from './new-job.js';
import { submitJobs } from './submit-jobs.js';

interface Waiting {
  readonly job: NewJob;
  resolve(submitted: SubmittedJob): void;
  reject(error: unknown): void;
}

/**
 * Jobs in one INSERT at most; and while one commits the next one fills. What an INSERT costs is hardly more for 30 jobs than for
 * one: few wait for the one under way, unless that is held up.
 */
const DEFAULTS: CoalescerOptions = {
  maxBatch: 500,
  maxInFlight: 2,
  spacing: { enough: 100, ms: 20, endsWithBatch: true },
};

/** Lets concurrent single submits share one INSERT and one COMMIT. */
export class SubmitCoalescer {
  private readonly coalescer: Coalescer<Waiting>;

  constructor(
    private readonly installation: Installation,
    options: Partial<CoalescerOptions> = {},
  ) {
    this.coalescer = new Coalescer((batch) => this.flush(batch), { ...DEFAULTS, ...options });
  }

  /** Resolves when the job is committed. Throws what submitJobs throws, for this job alone. */
  async submit(job: NewJob): Promise<SubmittedJob> {
    if (needsOwnStatement(job)) return only(await submitJobs(this.installation, [job]));
    return new Promise((resolve, reject) => this.coalescer.add({ job, resolve, reject }));
  }

  /** A row that cannot be stored must fail alone: the batch is halved until it does. */
  private async flush(batch: Waiting[]): Promise<void> {
    try {
      const submitted = await submitJobs(
        this.installation,
        batch.map(({ job }) => job),
      );
      batch.forEach((one, index) => one.resolve(submitted[index] as SubmittedJob));
    } catch (error) {
      const isOneRowsFault = error instanceof HoldfastError && error.code === 'validation_failed';
      if (batch.length === 1 || !isOneRowsFault) {
        for (const one of batch) one.reject(error);
        return;
      }
      const middle = batch.length >> 1;
      await Promise.all([this.flush(batch.slice(0, middle)), this.flush(batch.slice(middle))]);
    }
  }
}

function only(submitted: SubmittedJob[]): SubmittedJob {
  return submitted[0] as SubmittedJob;
}
