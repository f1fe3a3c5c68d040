import { coloured } from '../../output/colours.js';
import { grouped } from '../../output/text.js';
import { duration } from '../../output/times.js';

/** What the commands read of a queue; see api/schemas/queues.ts. */
export interface Queue {
  readonly name: string;
  readonly paused_at: string | null;
  readonly paused_by: string | null;
  readonly pause_reason: string | null;
  readonly depths: {
    readonly ready: number;
    readonly paused: number;
    readonly scheduled: number;
    readonly blocked: number;
    readonly running: number;
  };
  readonly is_exact: boolean;
  readonly oldest_ready_seconds: number | null;
  readonly throughput: {
    readonly last_minute: number;
    readonly last_hour: number;
    readonly is_exact: boolean;
  };
  readonly workers: number;
}

/** What is not exact is marked. */
export const counted = (count: number, isExact: boolean): string => `${isExact ? '' : '~'}${grouped(count)}`;

export const describeOldest = ({ oldest_ready_seconds: seconds }: Queue): string =>
  seconds === null ? '-' : duration(seconds * 1_000);

export const describeState = ({ paused_at: pausedAt }: Queue): string =>
  pausedAt === null ? 'active' : 'paused';

/** A queue that has work and nobody to do it; nor would there be when it goes on. */
export const isUnserved = ({ workers, depths }: Queue): boolean =>
  workers === 0 && depths.ready + depths.paused > 0;

export const describeWorkers = (queue: Queue): string =>
  isUnserved(queue) ? coloured('0: nobody works on it', 'red') : String(queue.workers);
