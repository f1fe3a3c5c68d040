import { Coalescer } from '../coalescer.js';
import type { Database } from '../postgres/create-database.js';
import { readJobs, type JobDetail } from './read-job.js';

interface Waiting {
  readonly id: number;
  resolve(job: JobDetail | null): void;
  reject(error: unknown): void;
}

/** More details in one answer would hold up the others. */
const MAX_BATCH = 50;
/** One is read while the answers of the other are written. */
const MAX_IN_FLIGHT = 2;

/** Lets concurrent looks at single jobs share one statement, which begins after the last of them was asked for. */
export class ReadCoalescer {
  private readonly coalescer: Coalescer<Waiting>;

  constructor(private readonly db: Database) {
    const options = { maxBatch: MAX_BATCH, maxInFlight: MAX_IN_FLIGHT };
    this.coalescer = new Coalescer((batch) => this.readTogether(batch), options);
  }

  /** Null: there is no such job. @throws PostgresError */
  read(id: number): Promise<JobDetail | null> {
    return new Promise((resolve, reject) => this.coalescer.add({ id, resolve, reject }));
  }

  private async readTogether(batch: readonly Waiting[]): Promise<void> {
    try {
      const jobs = await readJobs(
        this.db,
        batch.map(({ id }) => id),
      );
      for (const one of batch) one.resolve(jobs.get(one.id) ?? null);
    } catch (error) {
      for (const one of batch) one.reject(error);
    }
  }
}
