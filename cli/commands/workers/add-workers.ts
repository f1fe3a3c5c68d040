import type { Command } from 'commander';
import { addListWorkers } from './list-workers.js';
import { addShowWorker } from './show-worker.js';

export function addWorkers(program: Command): void {
  const workers = program
    .command('workers')
    .summary('list workers, show what one runs')
    .description('Looks at worker processes; `holdfast worker` starts one.')
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast workers list
  $ holdfast workers list --status dead`,
    );
  for (const add of [addListWorkers, addShowWorker]) add(workers);
}
