import { EventEmitter } from 'node:events';
import { messageOf } from '../errors.js';

/** How an attempt ended. `retried`: failed, and runs again. */
export type OutcomeKind = 'completed' | 'retried' | 'dead_letter' | 'snoozed' | 'cancelled' | 'released';

/** A fire time that was claimed; without a job, the one before was unfinished. */
export interface ScheduleFiredEvent {
  readonly schedule: string;
  readonly jobId: number | null;
  readonly fireAt: Date;
  readonly outcome: 'fired' | 'skipped_overlap';
}

/**
 * What Holdfast tells the outside, after the fact is committed. Logs, metrics and tests subscribe; nothing in the
 * engine depends on who listens.
 */
export interface HoldfastEvents {
  submitted: [jobs: readonly { jobType: string; queue: string }[]];
  dispatchFailed: [event: { queue: string; count: number; error: unknown }];
  claimed: [jobs: readonly { id: number; attempt: number; jobType: string; queue: string; waitMs: number }[]];
  claimMissed: [event: { count: number }];
  settled: [
    outcomes: readonly {
      id: number;
      attempt: number;
      jobType: string;
      queue: string;
      kind: OutcomeKind;
      durationMs: number;
      errorClass?: string;
      errorMessage?: string;
    }[],
  ];
  /** By the API, the client or the command line; what SQL cancels is not told. */
  cancelled: [event: { id: number; jobType: string; queue: string }];
  /** `by`: who asked, where that is known; null otherwise. What SQL replays or discards is not told. */
  deadLetterReplayed: [event: { ids: readonly number[]; by: string | null }];
  deadLetterDiscarded: [event: { ids: readonly number[]; by: string | null }];
  ownershipLost: [event: { jobIds: readonly number[]; workerId: string }];
  settleDelayed: [event: { waiting: number; error: unknown }];
  rescued: [event: { workerId: string; jobIds: readonly number[] }];
  /** A worker is about to take its first job. Once for each of its lives. */
  workerRegistered: [event: { workerId: string; queues: readonly string[]; jobTypes: readonly string[] }];
  workerDied: [event: { workerId: string }];
  /** By the API, the client or the command line; what SQL does is not told. */
  queuePaused: [event: { queue: string; by: string | null; reason: string | null }];
  queueResumed: [event: { queue: string; by: string | null }];
  promoted: [event: { count: number }];
  swept: [event: { queue: string; missing: number; rebuilt: boolean }];
  pruned: [event: { jobs: number }];
  /** Also what a person ran besides its fire times. */
  scheduleFired: [fires: readonly ScheduleFiredEvent[]];
  /** Fire times without a job, of one schedule and one outage; `missed` 10,000: that many or more. */
  scheduleMisfired: [event: { schedule: string; missed: number; from: Date; until: Date }];
  /** Its rule means nothing, or its job was refused: it does not fire. */
  scheduleFailed: [event: { schedule: string; error: string }];
  /** By the leader, before each round: how late the most overdue schedule is. */
  schedulesWatched: [event: { lagMs: number }];
  garbageDropped: [event: { queue: string; count: number }];
  /** By a worker: what it asked of Redis failed, and it claims from PostgreSQL alone. */
  redisAway: [event: { error: unknown }];
  redisBack: [];
  /** By any process: its connection to Redis cannot be made, or not again; why, without secrets. Again when the reason changes. */
  redisLost: [event: { error: Error }];
  redisFound: [];
  polled: [event: { queue: string; count: number }];
  /** Jobs that their submit had claimed for this worker, as it waited. */
  assigned: [event: { queue: string; count: number }];
  leading: [event: { term: number }];
  leadershipLost: [event: { reason: string }];
  keyCreated: [event: { id: number; name: string; role: string }];
  keyRevoked: [event: { id: number; name: string }];
}

export type EventHub = EventEmitter<HoldfastEvents>;

/** A listener that throws is its own fault: it must not make the engine settle, or claim, a second time. */
class CalmEmitter extends EventEmitter<HoldfastEvents> {
  override emit = ((name: keyof HoldfastEvents, ...args: unknown[]): boolean => {
    // Raw: those of `once` take themselves out.
    for (const listener of this.rawListeners(name)) {
      try {
        (listener as (...given: unknown[]) => void).apply(this, args);
      } catch (error) {
        process.emitWarning(`a listener of "${name}" threw: ${messageOf(error)}`);
      }
    }
    return this.listenerCount(name) > 0;
  }) as EventHub['emit'];
}

export function createEventHub(): EventHub {
  return new CalmEmitter();
}
