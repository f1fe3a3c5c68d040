import type { Command } from 'commander';
import { apiPath } from '../../client/api-path.js';
import { addClientOptions, type ClientOptions } from '../../client/client-options.js';
import { withClient } from '../../client/with-client.js';
import { printDone } from '../print-done.js';

interface PauseOptions extends ClientOptions {
  readonly reason?: string;
}

export function addPauseQueue(queues: Command): void {
  const command = queues
    .command('pause')
    .summary('stop taking jobs from a queue')
    .description('Stops a queue: its jobs stay where they are. Those that run go on.')
    .argument('<name>', 'the queue')
    .option('--reason <text>', 'kept with the queue until it goes on');
  addClientOptions(
    command,
    `$ holdfast queues pause mail
     $ holdfast queues pause mail --reason 'the mail provider is down'`,
  ).action((name: string, options: PauseOptions) =>
    withClient(options, async (client) => {
      const { reason } = options;
      printDone(await client.post(apiPath`/api/queues/${name}/pause`, { reason }), options);
    }),
  );
}

export function addResumeQueue(queues: Command): void {
  const command = queues
    .command('resume')
    .summary('let a paused queue go on')
    .description('Lets a paused queue go on where it was stopped.')
    .argument('<name>', 'the queue');
  addClientOptions(command, `$ holdfast queues resume mail`).action((name: string, options: ClientOptions) =>
    withClient(options, async (client) => {
      printDone(await client.post(apiPath`/api/queues/${name}/resume`), options);
    }),
  );
}
