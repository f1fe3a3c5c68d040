import type { HoldfastEvents } from '../shared/observe/events.js';
import { deadLetter, type Outcome } from '../shared/jobs/outcome.js';
import { storableText } from '../shared/jobs/storable-text.js';

/** What could not be stored is left out; a result that cannot be fails its job for good, and says so. */
export function storable(outcome: Outcome, message: string): Outcome {
  if (outcome.kind !== 'completed') return { ...outcome, logs: [] };
  return deadLetter(outcome, { message: storableText(message, 2_000), errorClass: 'permanent' }, 'permanent');
}

/** As the event `settled` tells it. */
export function describe(outcome: Outcome): HoldfastEvents['settled'][0][number] {
  const { job, kind, durationMs } = outcome;
  const { id, attempt, jobType, queue } = job;
  const told = { id, attempt, jobType, queue, kind, durationMs };
  if (!('error' in outcome)) return told;
  return { ...told, errorClass: outcome.error.errorClass, errorMessage: outcome.error.message };
}

/** Nearly always there are none. */
export function without(outcomes: readonly Outcome[], some: readonly Outcome[]): Outcome[] {
  if (some.length === outcomes.length) return [];
  const left = new Set(outcomes);
  for (const outcome of some) left.delete(outcome);
  return [...left];
}
