import { Random } from '../random.js';
import { HANDLER_FAULTS } from './handler-faults.js';
import { POSTGRES_FAULTS } from './postgres-faults.js';
import { PROCESS_FAULTS } from './process-faults.js';
import { REDIS_FAULTS } from './redis-faults.js';
import type { FaultKind } from './fault.js';

export const ALL_FAULTS: readonly FaultKind[] = [
  ...PROCESS_FAULTS,
  ...REDIS_FAULTS,
  ...POSTGRES_FAULTS,
  ...HANDLER_FAULTS,
];

export interface PlannedFault {
  /** After the start of the run. */
  readonly atMs: number;
  readonly kind: FaultKind;
  /** For its own choices, so that they do not depend on how the run goes. */
  readonly random: Random;
}

/** The same seed gives the same plan. Every kind comes at least once, where there is room. */
export function planFaults(
  seed: number,
  durationMs: number,
  everyMs: number,
  kinds: readonly FaultKind[] = ALL_FAULTS,
): PlannedFault[] {
  const random = new Random(seed);
  const count = Math.floor(durationMs / everyMs);
  const once = [...kinds].sort(() => random.next() - 0.5);
  return Array.from({ length: count }, (_, index) => ({
    atMs: Math.round((index + random.next()) * everyMs),
    kind: once[index] ?? random.pickWeighted(kinds),
    random: new Random(Math.floor(random.next() * 2 ** 32)),
  }));
}
