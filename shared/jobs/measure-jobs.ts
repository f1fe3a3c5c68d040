import type { Database } from '../postgres/create-database.js';
import { createRestedMeasure, type RestedMeasure } from '../rested-measure.js';
import { measureDepths, type DepthMeasure } from './measure-depths.js';
import { measureAttempts, measureThroughput, type Attempts, type Throughput } from './measure-history.js';
import { measureSurroundings, type Surroundings } from './measure-surroundings.js';
import { measureWorkers, type WorkerHealth } from './measure-workers.js';

/** How an installation is doing, as far as PostgreSQL tells. */
export interface JobMeasures extends DepthMeasure {
  readonly workers: readonly WorkerHealth[];
  readonly surroundings: Surroundings;
  readonly throughput: Throughput;
  readonly attempts: Attempts;
  readonly measuredAt: Date;
}

export type JobMeasurer = RestedMeasure<JobMeasures>;

/** One for a process: the API and the metrics share what it has measured. Reads throw PostgresError. */
export const createJobMeasurer = (db: Database, now?: () => number): JobMeasurer =>
  createRestedMeasure(() => measureAll(db), now);

/** One after the other: whoever measures must not take the connections of those who work. */
async function measureAll(db: Database): Promise<JobMeasures> {
  const depths = await measureDepths(db);
  const workers = await measureWorkers(db);
  const surroundings = await measureSurroundings(db);
  const throughput = await measureThroughput(db);
  const attempts = await measureAttempts(db);
  return { ...depths, workers, surroundings, throughput, attempts, measuredAt: new Date() };
}
