import type { Command } from 'commander';
import type { ApiClient } from '../../client/api-client.js';
import { numberOrText } from '../../input/option-values.js';
import { runBulk, type BulkAnswer } from '../bulk.js';
import { countNamed, type Filter, type SelectOptions } from '../bulk-options.js';

export interface JobFilterOptions {
  readonly status?: string;
  readonly queue?: string;
  readonly jobType?: string;
  readonly errorClass?: string;
  readonly tag?: string;
  readonly createdBy?: string;
}

export function addJobFilter(command: Command, statuses: string): Command {
  return command
    .option('--status <status>', statuses)
    .option('--queue <name>', 'in this queue')
    .option('--job-type <type>', 'of this type')
    .option('--error-class <class>', 'whose last error is of this class')
    .option('--tag <tag>', 'with this tag')
    .option('--created-by <name>', 'submitted by');
}

export const toJobFilter = (options: JobFilterOptions): Filter => ({
  status: options.status,
  queue: options.queue,
  job_type: options.jobType,
  error_class: options.errorClass,
  tag: options.tag,
  created_by: options.createdBy,
});

/** In one call: enough for a bar to move. */
const PAGE = 1_000;
/** In one command, and what the API counts at most. */
const MOST_JOBS = 100_000;

/** Cancels or retries what a filter finds. */
export function runOnJobs(
  client: ApiClient,
  path: string,
  words: { readonly verb: string; readonly done: string },
  filter: Filter,
  options: SelectOptions & { readonly reason?: string },
): Promise<void> {
  const { reason } = options;
  const most = options.limit === undefined ? MOST_JOBS : numberOrText(options.limit);
  return runBulk<BulkAnswer>(options, {
    ...words,
    noun: 'job',
    pageSize: PAGE,
    named: countNamed(filter),
    preview: () => client.post(path, { filter, limit: most, dry_run: true }),
    act: (limit) => client.post(path, { filter, reason, limit }),
  });
}
