import type { Database } from '../postgres/create-database.js';
import { measureDepths, type DepthMeasure } from './measure-depths.js';
import {
  measureAttempts,
  measureThroughput,
  type AttemptStatistics,
  type Throughput,
} from './measure-history.js';
import { measureWorkers, type WorkerHealth } from './measure-workers.js';

/** How an installation is doing, as far as PostgreSQL tells. */
export interface JobMeasures extends DepthMeasure {
  readonly workers: readonly WorkerHealth[];
  readonly throughput: Throughput;
  readonly attempts: readonly AttemptStatistics[];
  readonly measuredAt: Date;
}

export interface JobMeasurer {
  /**
   * The measures, at most `maxAgeMs` old (default 5,000), or older when they are dear.
   *
   * @throws PostgresError
   */
  read(maxAgeMs?: number): Promise<JobMeasures>;
}

const DEFAULT_AGE_MS = 5_000;
/** Measures are kept for this many times what they took, so that measuring never takes more than a twentieth of a connection. */
const REST_FACTOR = 20;

/** One for a process: the API and the metrics share what it has measured, and everybody who asks meanwhile waits for it. */
export function createJobMeasurer(db: Database, now = () => performance.now()): JobMeasurer {
  let last: { measures: JobMeasures; at: number; tookMs: number } | undefined;
  let underWay: Promise<JobMeasures> | undefined;

  async function measure(): Promise<JobMeasures> {
    const startedAt = now();
    const measures = await measureAll(db);
    last = { measures, at: now(), tookMs: now() - startedAt };
    return measures;
  }

  return {
    async read(maxAgeMs = DEFAULT_AGE_MS) {
      const isFresh = last && now() - last.at < Math.max(maxAgeMs, REST_FACTOR * last.tookMs);
      if (last && isFresh) return last.measures;
      underWay ??= measure().finally(() => (underWay = undefined));
      return underWay;
    },
  };
}

/** One after the other: whoever measures must not take the connections of those who work. */
async function measureAll(db: Database): Promise<JobMeasures> {
  const depths = await measureDepths(db);
  const workers = await measureWorkers(db);
  const throughput = await measureThroughput(db);
  const attempts = await measureAttempts(db);
  return { ...depths, workers, throughput, attempts, measuredAt: new Date() };
}
