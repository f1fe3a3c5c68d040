import { HoldfastError } from '../errors.js';
import type { Installation } from '../installation.js';
import { needsOwnStatement, type NewJob, type SubmittedJob } from './new-job.js';
import { submitJobs } from './submit-jobs.js';

interface Waiting {
  readonly job: NewJob;
  resolve(submitted: SubmittedJob): void;
  reject(error: unknown): void;
}

export interface CoalescerOptions {
  /** Jobs in one INSERT at most. Default 500. */
  readonly maxBatch?: number;
  /** INSERTs under way at once. Default 2: one commits while the next one fills. */
  readonly maxInFlight?: number;
}

/**
 * Lets concurrent single submits share one INSERT and one COMMIT. There is no timer: a submit that finds a statement
 * free goes at the end of this turn of the event loop; else it goes with all that came meanwhile, as soon as one ends.
 * So the linger is nothing when idle, and at most one commit under load.
 */
export class SubmitCoalescer {
  private waiting: Waiting[] = [];
  private inFlight = 0;
  private isScheduled = false;
  private readonly maxBatch: number;
  private readonly maxInFlight: number;

  constructor(
    private readonly installation: Installation,
    options: CoalescerOptions = {},
  ) {
    this.maxBatch = options.maxBatch ?? 500;
    this.maxInFlight = options.maxInFlight ?? 2;
  }

  /** Resolves when the job is committed. Throws what submitJobs throws, for this job alone. */
  async submit(job: NewJob): Promise<SubmittedJob> {
    if (needsOwnStatement(job)) return only(await submitJobs(this.installation, [job]));
    return new Promise((resolve, reject) => {
      this.waiting.push({ job, resolve, reject });
      this.schedule();
    });
  }

  private schedule(): void {
    if (this.isScheduled || this.inFlight >= this.maxInFlight || this.waiting.length === 0) return;
    this.isScheduled = true;
    setImmediate(() => {
      this.isScheduled = false;
      const batch = this.waiting.splice(0, this.maxBatch);
      this.inFlight++;
      void this.flush(batch).finally(() => {
        this.inFlight--;
        this.schedule();
      });
      this.schedule();
    });
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
