import type { Command } from 'commander';
import { apiPath } from '../../client/api-path.js';
import { addClientOptions, type ClientOptions } from '../../client/client-options.js';
import { withClient } from '../../client/with-client.js';
import { addBulkOptions, readSelection, type SelectOptions } from '../bulk-options.js';
import { printDone } from '../print-done.js';
import { addJobFilter, runOnJobs, toJobFilter, type JobFilterOptions } from './job-filter.js';

interface RetryOptions extends ClientOptions, SelectOptions, JobFilterOptions {}

export function addRetryJobs(jobs: Command): void {
  const command = jobs
    .command('retry')
    .summary('run failed or cancelled jobs again, by id or by filter')
    .description(
      'Runs failed or cancelled jobs again: those with these ids, or all that filters find, after a look at how many that ' +
        'are. Their retries are counted anew; their open dead letters are closed.',
    )
    .argument('[ids...]', 'the jobs');
  addBulkOptions(addJobFilter(command, 'failed or cancelled'));
  addClientOptions(
    command,
    `$ holdfast jobs retry 42
     $ holdfast jobs retry --status failed --queue mail --dry-run       how many?
     $ holdfast jobs retry --error-class transient --limit 100
     $ holdfast jobs retry --status failed --job-type charge --yes      without being asked`,
  ).action(retryJobs);
}

async function retryJobs(ids: readonly string[], options: RetryOptions): Promise<void> {
  const { filter, options: consent } = readSelection(ids, toJobFilter(options), options);
  await withClient(options, async (client) => {
    if (filter)
      return runOnJobs(client, '/api/jobs/retry', { verb: 'Retry', done: 'pending again' }, filter, consent);
    const [id = ''] = ids;
    printDone(await client.post(apiPath`/api/jobs/${id}/retry`), options);
  });
}
