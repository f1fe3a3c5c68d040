import { attemptKey, type OutcomeOf } from './outcome.js';
import { findProblem } from './storable-json.js';

/** Nothing was recorded: some results cannot be stored. All others of the batch can be. */
export class UnstorableResults extends Error {
  override readonly name = 'UnstorableResults';
  /** From attempts' keys to what is to be told of each. */
  constructor(readonly messages: ReadonlyMap<string, string>) {
    super([...messages.values()].join('; '));
  }
}

/** Why a result cannot be stored, for whoever looks at its job; undefined when it can be. A handler may return nothing. */
export function describeUnstorable(result: unknown, maxResultBytes: number): string | undefined {
  const problem =
    result === undefined
      ? undefined
      : findProblem(result, {
          mostBytes: maxResultBytes,
          advice:
            'store it elsewhere and return a reference to it, or raise JOB_MAX_RESULT_BYTES (maxResultBytes)',
        });
  return problem === undefined ? undefined : `what the handler returned cannot be stored: it ${problem}`;
}

/** @throws UnstorableResults when any of them cannot be stored */
export function refuseUnstorable(outcomes: readonly OutcomeOf<'completed'>[], maxResultBytes: number): void {
  const messages = new Map<string, string>();
  for (const { job, result } of outcomes) {
    const message = describeUnstorable(result, maxResultBytes);
    if (message !== undefined) messages.set(attemptKey(job), message);
  }
  if (messages.size > 0) throw new UnstorableResults(messages);
}
