import type { Command } from 'commander';
import { apiPath } from '../../client/api-path.js';
import { addClientOptions, type ClientOptions } from '../../client/client-options.js';
import { withClient } from '../../client/with-client.js';
import { addBulkOptions, readSelection, type SelectOptions } from '../bulk-options.js';
import { printDone } from '../print-done.js';
import { addJobFilter, runOnJobs, toJobFilter, type JobFilterOptions } from './job-filter.js';

interface CancelOptions extends ClientOptions, SelectOptions, JobFilterOptions {
  readonly reason?: string;
}

export function addCancelJobs(jobs: Command): void {
  const command = jobs
    .command('cancel')
    .summary('cancel jobs, by id or by filter')
    .description(
      'Cancels jobs: those with these ids, or all that filters find, after a look at how many that are. A handler that ' +
        'runs is told to stop within a second.',
    )
    .argument('[ids...]', 'the jobs')
    .option('--reason <text>', 'kept as the error of the job');
  addBulkOptions(addJobFilter(command, 'pending or running'));
  addClientOptions(
    command,
    `$ holdfast jobs cancel 42 --reason 'sent twice'
     $ holdfast jobs cancel 42 43 44
     $ holdfast jobs cancel --queue mail --status pending --dry-run      how many?
     $ holdfast jobs cancel --tag import --yes                           without being asked`,
  ).action(cancelJobs);
}

async function cancelJobs(ids: readonly string[], options: CancelOptions): Promise<void> {
  const { filter, options: consent } = readSelection(ids, toJobFilter(options), options);
  await withClient(options, async (client) => {
    if (filter)
      return runOnJobs(client, '/api/jobs/cancel', { verb: 'Cancel', done: 'cancelled' }, filter, consent);
    const [id = ''] = ids;
    printDone(await client.delete(apiPath`/api/jobs/${id}`, { reason: options.reason }), options);
  });
}
