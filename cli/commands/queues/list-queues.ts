import type { Command } from 'commander';
import { addClientOptions, type ClientOptions } from '../../client/client-options.js';
import { withClient } from '../../client/with-client.js';
import { printJson } from '../../output/print.js';
import { printTable, type Column } from '../../output/table.js';
import { addPageOptions, printNextPage, type PageOptions, type Pagination } from '../next-page.js';
import { counted, describeOldest, describeState, isUnserved, type Queue } from './queue.js';

export function addListQueues(queues: Command): void {
  const command = queues
    .command('list')
    .alias('ls')
    .summary('list queues with what is in them')
    .description(
      'Lists queues: how many jobs wait, run and are done, and how many workers are there for them.',
    );
  addPageOptions(command, 'name');
  addClientOptions(
    command,
    `$ holdfast queues list
     $ holdfast queues list --json | jq '.queues[] | select(.workers == 0).name'`,
  ).action(listQueues);
}

async function listQueues(options: ClientOptions & PageOptions): Promise<void> {
  await withClient(options, async (client) => {
    const { limit, cursor } = options;
    const answer = await client.get<{ queues: Queue[]; pagination: Pagination }>('/api/queues', {
      limit,
      cursor,
    });
    if (options.json) return printJson(answer);
    await printTable(answer.queues, COLUMNS, 'no queues');
    printNextPage(answer.pagination);
  });
}

const depth = (title: string, of: keyof Queue['depths']): Column<Queue> => ({
  title,
  text: ({ depths, is_exact: isExact }) => counted(depths[of], isExact),
  align: 'right',
});

const COLUMNS: readonly Column<Queue>[] = [
  { title: 'QUEUE', text: ({ name }) => name },
  {
    title: 'STATE',
    text: describeState,
    colour: ({ paused_at: pausedAt }) => (pausedAt === null ? 'green' : 'yellow'),
  },
  depth('READY', 'ready'),
  depth('PAUSED', 'paused'),
  depth('RUNNING', 'running'),
  depth('SCHED', 'scheduled'),
  depth('BLOCKED', 'blocked'),
  { title: 'OLDEST', text: describeOldest, align: 'right' },
  { title: 'DONE/M', text: (queue) => throughput(queue, 'last_minute'), align: 'right' },
  { title: 'DONE/H', text: (queue) => throughput(queue, 'last_hour'), align: 'right' },
  {
    title: 'WORKERS',
    text: ({ workers }) => String(workers),
    align: 'right',
    colour: (queue) => (isUnserved(queue) ? 'red' : undefined),
  },
];

const throughput = ({ throughput: done }: Queue, window: 'last_minute' | 'last_hour'): string =>
  counted(done[window], done.is_exact);
