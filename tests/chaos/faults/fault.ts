import type { Promises } from '../load/promises.js';
import type { Random } from '../random.js';
import type { Member, World } from '../world/world.js';

/** What a fault may use. Its numbers come from the seed alone. */
export interface FaultScene {
  readonly world: World;
  readonly promises: Promises;
  readonly random: Random;
  /** The processes that a fault may aim at. */
  readonly targets: (role: Member['process']['spec']['role']) => Member[];
}

/** What it disturbs: two faults never disturb the same thing at once. */
export type Disturbed = 'postgres' | 'redis' | (string & {});

/** A fault that is about to happen: all that chance decides is decided. */
export interface ReadyFault {
  /** For people, without what differs from run to run. */
  readonly what: string;
  readonly disturbs: readonly Disturbed[];
  /** Makes it happen and makes it end; resolves when it is over. */
  inject(): Promise<void>;
}

/** A kind of fault, and how often it comes compared with others. */
export interface FaultKind {
  readonly name: string;
  readonly weight: number;
  prepare(scene: FaultScene): ReadyFault;
}

/** When a fault happened, for the report and for whom it may explain. */
export interface FaultRecord {
  readonly kind: string;
  readonly what: string;
  readonly startedAt: number;
  readonly endedAt: number;
  /** Processes it ended or froze. */
  readonly pids: readonly number[];
}
