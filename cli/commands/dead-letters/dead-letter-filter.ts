import type { Command } from 'commander';
import type { Filter } from '../bulk-options.js';

export interface DeadLetterFilterOptions {
  readonly queue?: string;
  readonly jobType?: string;
  readonly errorClass?: string;
  readonly fingerprint?: string;
  readonly reason?: string;
}

/** What the API changes in one request at most. */
export const MOST_LETTERS = 100_000;

export function addDeadLetterFilter(command: Command): Command {
  return command
    .option('--queue <name>', 'of this queue')
    .option('--job-type <type>', 'of this type')
    .option('--error-class <class>', 'whose error is of this class')
    .option('--fingerprint <text>', 'of this group; `dead-letters groups` shows them')
    .option('--reason <reason>', 'max_retries, permanent, poison or dependency');
}

export const toDeadLetterFilter = (options: DeadLetterFilterOptions) =>
  ({
    queue: options.queue,
    job_type: options.jobType,
    error_class: options.errorClass,
    fingerprint: options.fingerprint,
    reason: options.reason,
  }) satisfies Filter;

/** In the place of an empty table. */
export const describeNone = (status = 'open'): string =>
  status === 'any' ? 'no dead letters' : `no ${status} dead letters`;
