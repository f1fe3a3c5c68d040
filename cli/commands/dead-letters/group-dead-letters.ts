import type { Command } from 'commander';
import { addClientOptions, type ClientOptions } from '../../client/client-options.js';
import { withClient } from '../../client/with-client.js';
import { printJson } from '../../output/print.js';
import { printTable, type Column } from '../../output/table.js';
import { grouped } from '../../output/text.js';
import { relative } from '../../output/times.js';
import { describeNone } from './dead-letter-filter.js';
import type { DeadLetterGroup } from './dead-letter.js';

interface GroupOptions extends ClientOptions {
  readonly status?: string;
  readonly queue?: string;
  readonly jobType?: string;
  readonly limit?: string;
}

export function addGroupDeadLetters(deadLetters: Command): void {
  const command = deadLetters
    .command('groups')
    .summary('count dead letters by what went wrong')
    .description('Puts dead letters with alike errors together, and counts them.')
    .option('--status <status>', 'open, replayed, discarded or any; open where nothing is said')
    .option('--queue <name>', 'of this queue')
    .option('--job-type <type>', 'of this type')
    .option('--limit <number>', '1 to 1000; 50 where nothing is said');
  addClientOptions(
    command,
    `$ holdfast dead-letters groups
     $ holdfast dead-letters groups --queue mail
     $ holdfast dead-letters replay --fingerprint "$(holdfast dlq groups --json | jq -r '.groups[0].fingerprint')"`,
  ).action(groupDeadLetters);
}

async function groupDeadLetters(options: GroupOptions): Promise<void> {
  const { status, queue, jobType, limit } = options;
  await withClient(options, async (client) => {
    const answer = await client.get<{ groups: DeadLetterGroup[] }>('/api/dead-letters/groups', {
      status,
      queue,
      job_type: jobType,
      limit,
    });
    if (options.json) printJson(answer);
    else await printTable(answer.groups, COLUMNS, describeNone(status));
  });
}

const COLUMNS: readonly Column<DeadLetterGroup>[] = [
  { title: 'COUNT', text: ({ count }) => grouped(count), align: 'right' },
  { title: 'TYPE', text: ({ job_type: type }) => type, isFlexible: true },
  { title: 'QUEUES', text: ({ queues }) => queues.join(', '), isFlexible: true },
  { title: 'FIRST', text: ({ first_seen: at }) => relative(at) },
  { title: 'LAST', text: ({ last_seen: at }) => relative(at) },
  { title: 'CLASS', text: ({ error_class: name }) => name ?? '-' },
  { title: 'FINGERPRINT', text: ({ fingerprint }) => fingerprint },
  { title: 'ERROR', text: ({ error_message: error }) => error ?? '', isFlexible: true },
];
