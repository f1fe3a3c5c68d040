import { Option, type Command } from 'commander';
import { addClientOptions, type ClientOptions } from '../../client/client-options.js';
import { withClient } from '../../client/with-client.js';
import { printJson } from '../../output/print.js';
import { printTable, type Column } from '../../output/table.js';
import { relative } from '../../output/times.js';
import { addPageOptions, printNextPage, type PageOptions, type Pagination } from '../next-page.js';
import { describeRule, describeState, STATE_COLOURS, type Schedule } from './schedule.js';

interface ListOptions extends ClientOptions, PageOptions {
  readonly enabled?: boolean;
  readonly disabled?: boolean;
  readonly jobType?: string;
  readonly queue?: string;
}

export function addListSchedules(schedules: Command): void {
  const command = schedules
    .command('list')
    .alias('ls')
    .summary('list schedules with their next fire')
    .description('Lists schedules by name, each with its rule and its next fire.')
    .option('--enabled', 'only those that fire')
    .addOption(new Option('--disabled', 'only those that do not').conflicts('enabled'))
    .option('--job-type <type>', 'that submit this type')
    .option('--queue <name>', 'that submit to this queue');
  addPageOptions(command, 'name');
  addClientOptions(
    command,
    `$ holdfast schedules list
     $ holdfast schedules list --disabled
     $ holdfast schedules list --json | jq '.schedules[].next_run_at'`,
  ).action(listSchedules);
}

async function listSchedules(options: ListOptions): Promise<void> {
  const { jobType, queue, limit, cursor } = options;
  const enabled = options.enabled ? true : options.disabled ? false : undefined;
  await withClient(options, async (client) => {
    const answer = await client.get<{ schedules: Schedule[]; pagination: Pagination }>('/api/schedules', {
      enabled,
      job_type: jobType,
      queue,
      limit,
      cursor,
    });
    if (options.json) return printJson(answer);
    await printTable(answer.schedules, COLUMNS, 'no schedules');
    printNextPage(answer.pagination);
  });
}

const COLUMNS: readonly Column<Schedule>[] = [
  { title: 'NAME', text: ({ name }) => name },
  { title: 'STATE', text: describeState, colour: (schedule) => STATE_COLOURS[describeState(schedule)] },
  { title: 'WHEN', text: describeRule, isFlexible: true },
  { title: 'NEXT', text: ({ next_run_at: at }) => relative(at) },
  { title: 'LAST', text: ({ last_run_at: at }) => relative(at) },
  { title: 'TYPE', text: ({ job_type: type }) => type, isFlexible: true },
  { title: 'QUEUE', text: ({ queue }) => queue },
];
