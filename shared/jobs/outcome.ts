import type { ClaimedJob } from './claimed-job.js';
import type { ErrorClass } from './job-errors.js';

/** What went wrong in an attempt, as it is recorded. */
export interface AttemptError {
  readonly message: string;
  readonly errorClass: ErrorClass;
  readonly stack?: string;
}

export interface LogLine {
  readonly at: string;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
}

interface AttemptEnd {
  readonly job: ClaimedJob;
  /** How long the handler ran. */
  readonly durationMs: number;
  readonly logs: readonly LogLine[];
}

/** Why a failed job waits for a person. */
export type DeadLetterReason = 'max_retries' | 'permanent' | 'poison' | 'dependency';

/** How an attempt ended, to be settled once. */
export type Outcome =
  | (AttemptEnd & { readonly kind: 'completed'; readonly result: unknown })
  | (AttemptEnd & { readonly kind: 'retried'; readonly error: AttemptError; readonly delayMs: number })
  | (AttemptEnd & {
      readonly kind: 'dead_letter';
      readonly error: AttemptError;
      readonly reason: DeadLetterReason;
    })
  /** Back to pending without a charge: the handler asked for later, or its worker could not go on. */
  | (AttemptEnd & { readonly kind: 'snoozed' | 'released'; readonly note: string; readonly delayMs: number });

export type OutcomeOf<Kind extends Outcome['kind']> = Extract<Outcome, { kind: Kind }>;

/** Field by field: the way of nearly every job, and a spread costs ten times as much (docs/performance.md). */
export const complete = ({ job, durationMs, logs }: AttemptEnd, result: unknown): Outcome => ({
  job,
  durationMs,
  logs,
  kind: 'completed',
  result,
});
export const retry = (end: AttemptEnd, error: AttemptError, delayMs: number): Outcome => ({
  ...end,
  kind: 'retried',
  error,
  delayMs,
});
export const deadLetter = (end: AttemptEnd, error: AttemptError, reason: DeadLetterReason): Outcome => ({
  ...end,
  kind: 'dead_letter',
  error,
  reason,
});
export const snooze = (end: AttemptEnd, note: string, delayMs: number): Outcome => ({
  ...end,
  kind: 'snoozed',
  note,
  delayMs,
});
export const release = (end: AttemptEnd, note: string): Outcome => ({
  ...end,
  kind: 'released',
  note,
  delayMs: 0,
});

/** Names an attempt: the key under which the settle statements find what belongs to a row, and half of their fence. */
export const attemptKey = (job: Pick<ClaimedJob, 'id' | 'attempt'>): string => `${job.id}:${job.attempt}`;

/** In this order everybody locks the rows of several attempts; of two attempts of one job the later one stands last. */
export const inLockOrder = (
  a: Pick<ClaimedJob, 'id' | 'attempt'>,
  b: Pick<ClaimedJob, 'id' | 'attempt'>,
): number => a.id - b.id || a.attempt - b.attempt;
