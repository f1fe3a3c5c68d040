import type { QueryTarget } from '../postgres/query-target.js';
import { completeJobs, type CompleteOptions } from './complete-jobs.js';
import { deadLetterJobs } from './dead-letter-jobs.js';
import type { Outcome, OutcomeOf } from './outcome.js';
import { releaseJobs } from './release-jobs.js';
import { retryJobs } from './retry-jobs.js';
import type { Settlement } from './settle-statement.js';

export type { Settlement } from './settle-statement.js';

/** Finished batches are forgotten by completions only. */
export interface SettleOptions extends CompleteOptions {
  readonly isDeadLetterEnabled: boolean;
}

/**
 * Records outcomes of one kind in one statement. What is not among the settled was not ours any more, or had been settled before.
 *
 * @throws PostgresError; UnstorableResults; RangeError when they are too much for one statement. None is recorded then.
 */
export async function settleOutcomes(
  target: QueryTarget,
  workerId: string,
  outcomes: readonly Outcome[],
  options: SettleOptions,
): Promise<Settlement> {
  switch (outcomes[0]?.kind) {
    case undefined:
      return { settled: [], parentIds: [], readyIds: [] };
    case 'completed':
      return completeJobs(target, workerId, outcomes as OutcomeOf<'completed'>[], options);
    case 'retried':
      return retryJobs(target, workerId, outcomes as OutcomeOf<'retried'>[]);
    case 'dead_letter':
      return deadLetterJobs(
        target,
        workerId,
        outcomes as OutcomeOf<'dead_letter'>[],
        options.isDeadLetterEnabled,
      );
    case 'snoozed':
    case 'released':
      return releaseJobs(target, workerId, outcomes as OutcomeOf<'snoozed' | 'released'>[]);
  }
}
