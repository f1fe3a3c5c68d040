import type { JobMeasures } from './measure-jobs.js';
import type { DepthReading } from '../observe/depth-gauges.js';

/** The measures as the gauges want them. */
export function toDepthReading({ depths, oldestReady, workers, surroundings }: JobMeasures): DepthReading {
  return {
    ...surroundings,
    depths: { ...depths },
    oldestReady,
    workers: workers.map(({ workerId, status, running, concurrency }) => ({
      workerId,
      isAlive: status === 'alive',
      running,
      slots: concurrency,
    })),
  };
}
