import type { Command } from 'commander';
import { addClientOptions, type ClientOptions } from '../../client/client-options.js';
import { withClient } from '../../client/with-client.js';
import { colourOfState } from '../../output/colours.js';
import { printJson } from '../../output/print.js';
import { printTable, type Column } from '../../output/table.js';
import { relative } from '../../output/times.js';
import { addPageOptions, printNextPage, type PageOptions, type Pagination } from '../next-page.js';
import {
  addDeadLetterFilter,
  describeNone,
  toDeadLetterFilter,
  type DeadLetterFilterOptions,
} from './dead-letter-filter.js';
import type { DeadLetter } from './dead-letter.js';

interface ListOptions extends ClientOptions, PageOptions, DeadLetterFilterOptions {
  readonly status?: string;
}

export function addListDeadLetters(deadLetters: Command): void {
  const command = deadLetters
    .command('list')
    .alias('ls')
    .summary('list dead letters, newest first')
    .description(
      'Lists dead letters, newest first: those that wait for a person, unless --status says otherwise.',
    )
    .option('--status <status>', 'open, replayed, discarded or any; open where nothing is said');
  addPageOptions(addDeadLetterFilter(command), 'id');
  addClientOptions(
    command,
    `$ holdfast dead-letters list
     $ holdfast dead-letters list --queue mail --reason poison
     $ holdfast dead-letters list --status replayed --json | jq '.dead_letters[].note'`,
  ).action(listDeadLetters);
}

async function listDeadLetters(options: ListOptions): Promise<void> {
  const { status, limit, cursor } = options;
  await withClient(options, async (client) => {
    const answer = await client.get<{ dead_letters: DeadLetter[]; pagination: Pagination }>(
      '/api/dead-letters',
      { status, ...toDeadLetterFilter(options), limit, cursor },
    );
    if (options.json) return printJson(answer);
    await printTable(answer.dead_letters, COLUMNS, describeNone(status));
    printNextPage(answer.pagination);
  });
}

const COLUMNS: readonly Column<DeadLetter>[] = [
  { title: 'ID', text: ({ id }) => String(id), align: 'right' },
  { title: 'STATUS', text: ({ status }) => status, colour: ({ status }) => colourOfState(status) },
  { title: 'JOB', text: ({ job_id: id }) => String(id), align: 'right' },
  { title: 'TYPE', text: ({ job_type: type }) => type, isFlexible: true },
  { title: 'QUEUE', text: ({ queue }) => queue },
  { title: 'REASON', text: ({ reason }) => reason },
  { title: 'TRIES', text: ({ attempts }) => String(attempts), align: 'right' },
  { title: 'FILED', text: ({ created_at: at }) => relative(at) },
  { title: 'ERROR', text: ({ error_message: error }) => error ?? '', isFlexible: true },
];
