import type { Command } from 'commander';
import { addListQueues } from './list-queues.js';
import { addPauseQueue, addResumeQueue } from './pause-queue.js';
import { addShowQueue } from './show-queue.js';

export function addQueues(program: Command): void {
  const queues = program
    .command('queues')
    .alias('queue')
    .summary('list, show, pause and resume queues')
    .description('Looks at queues, stops them and lets them go on.')
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast queues list
  $ holdfast queues pause mail
  $ holdfast queues resume mail`,
    );
  for (const add of [addListQueues, addShowQueue, addPauseQueue, addResumeQueue]) add(queues);
}
