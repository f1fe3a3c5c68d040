import { EventEmitter } from 'node:events';
import { messageOf } from '../errors.js';

/** How an attempt ended. `retried`: failed, and runs again. */
export type OutcomeKind = 'completed' | 'retried' | 'dead_letter' | 'snoozed' | 'cancelled' | 'released';

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
  ownershipLost: [event: { jobIds: readonly number[]; workerId: string }];
  settleDelayed: [event: { waiting: number; error: unknown }];
  rescued: [event: { workerId: string; jobIds: readonly number[] }];
  workerDied: [event: { workerId: string }];
  promoted: [event: { count: number }];
  swept: [event: { queue: string; missing: number; rebuilt: boolean }];
  pruned: [event: { jobs: number }];
  garbageDropped: [event: { queue: string; count: number }];
  redisAway: [event: { error: unknown }];
  redisBack: [];
  polled: [event: { queue: string; count: number }];
  leading: [event: { term: number }];
  leadershipLost: [event: { reason: string }];
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
