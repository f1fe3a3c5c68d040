import type { Command } from 'commander';
import { addClientOptions, type ClientOptions } from '../../client/client-options.js';
import { withClient } from '../../client/with-client.js';
import { colourOfState } from '../../output/colours.js';
import { printJson } from '../../output/print.js';
import { printTable, type Column } from '../../output/table.js';
import { relative } from '../../output/times.js';
import { addPageOptions, printNextPage, type PageOptions, type Pagination } from '../next-page.js';
import type { Worker } from './worker.js';

interface ListOptions extends ClientOptions, PageOptions {
  readonly status?: string;
}

export function addListWorkers(workers: Command): void {
  const command = workers
    .command('list')
    .alias('ls')
    .summary('list workers with what they do')
    .description('Lists workers: where they are, whether they live, and how many jobs they run.')
    .option('--status <status>', 'alive, silent, dead or stopped');
  addPageOptions(command, 'id');
  addClientOptions(
    command,
    `$ holdfast workers list
     $ holdfast workers list --status dead
     $ holdfast workers list --json | jq '[.workers[].running_count] | add'`,
  ).action(listWorkers);
}

async function listWorkers(options: ListOptions): Promise<void> {
  await withClient(options, async (client) => {
    const { status, limit, cursor } = options;
    const answer = await client.get<{ workers: Worker[]; pagination: Pagination }>('/api/workers', {
      status,
      limit,
      cursor,
    });
    if (options.json) return printJson(answer);
    await printTable(answer.workers, COLUMNS, `no ${status ?? ''} workers`.replace('  ', ' '));
    printNextPage(answer.pagination);
  });
}

const COLUMNS: readonly Column<Worker>[] = [
  { title: 'WORKER', text: ({ worker_id: id }) => id },
  { title: 'STATUS', text: ({ status }) => status, colour: ({ status }) => colourOfState(status) },
  { title: 'HOST', text: ({ hostname }) => hostname, isFlexible: true },
  { title: 'PID', text: ({ pid }) => String(pid), align: 'right' },
  { title: 'VERSION', text: ({ version }) => version },
  { title: 'RUNNING', text: (worker) => `${worker.running_count}/${worker.concurrency}`, align: 'right' },
  { title: 'STARTED', text: ({ started_at: at }) => relative(at) },
  { title: 'SEEN', text: ({ last_seen_at: at }) => relative(at) },
  { title: 'QUEUES', text: ({ queues }) => queues.join(', '), isFlexible: true },
];
