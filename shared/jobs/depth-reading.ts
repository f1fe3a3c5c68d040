import type { JobMeasures } from './measure-jobs.js';
import type { DepthReading } from '../observe/metrics.js';

/** The measures as the gauges want them. */
export function toDepthReading({ depths, oldestReady, workers }: JobMeasures): DepthReading {
  return {
    depths: { ...depths },
    oldestReady,
    workers: workers.map(({ workerId, status }) => ({ workerId, isAlive: status === 'alive' })),
  };
}
