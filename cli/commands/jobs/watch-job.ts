import type { Command } from 'commander';
import { addClientOptions, type ClientOptions } from '../../client/client-options.js';
import { withClient } from '../../client/with-client.js';

export function addWatchJob(jobs: Command): void {
  const command = jobs
    .command('watch')
    .alias('follow')
    .summary('follow a job to its end')
    .description(
      'Follows a job: its status, its progress, and what each attempt logged. Ends with the job: with 0 when it has completed, with 1 ' +
        'when it has failed or was cancelled.',
    )
    .argument('<id>', 'the job');
  addClientOptions(
    command,
    `$ holdfast jobs watch 42
     $ holdfast jobs watch 42 --json | jq -c 'select(.event == "progress")'
     $ holdfast jobs watch 42 && ./next-step.sh`,
    'for scripts: one line for each event, {"event", "id", "data"}',
  ).action(watchJob);
}

async function watchJob(id: string, options: ClientOptions): Promise<void> {
  const { followToEnd } = await import('./follow-job.js');
  await withClient(options, (client) => followToEnd(client, id, options));
}
