import type { Command } from 'commander';
import { addClientOptions, type ClientOptions } from '../../client/client-options.js';
import { withClient } from '../../client/with-client.js';
import { colourOfState } from '../../output/colours.js';
import { printJson } from '../../output/print.js';
import { printTable, type Column } from '../../output/table.js';
import { countOf } from '../../output/text.js';
import { relative } from '../../output/times.js';
import { addPageOptions, printNextPage, type PageOptions, type Pagination } from '../next-page.js';
import type { ListedJob } from './job.js';

interface ListOptions extends ClientOptions, PageOptions {
  readonly status?: string;
  readonly jobType?: string;
  readonly queue?: string;
  readonly createdBy?: string;
  readonly tag?: string;
  readonly sort?: string;
  readonly offset?: string;
}

interface ListAnswer {
  readonly jobs: readonly ListedJob[];
  readonly pagination: Pagination & { readonly total: number; readonly total_is_exact: boolean };
}

export function addListJobs(jobs: Command): void {
  const command = jobs
    .command('list')
    .alias('ls')
    .summary('list jobs, newest first')
    .description('Lists jobs, newest first, each with its state and the reason of it.')
    .option('--status <status>', 'pending, running, completed, failed or cancelled')
    .option('--job-type <type>', 'of this type')
    .option('--queue <name>', 'in this queue')
    .option('--tag <tag>', 'with this tag')
    .option('--created-by <name>', 'submitted by')
    .option('--sort <order>', '-created_at (newest first) or created_at (oldest first)')
    .option('--offset <number>', 'leave out as many; costs more than --cursor');
  addPageOptions(command, 'id');
  addClientOptions(
    command,
    `$ holdfast jobs list
     $ holdfast jobs list --status failed --queue mail --limit 20
     $ holdfast jobs list --status pending --sort created_at        what waits longest?
     $ holdfast jobs list --tag import --json | jq '.jobs[].id'`,
  ).action(listJobs);
}

async function listJobs(options: ListOptions): Promise<void> {
  const { status, jobType, queue, createdBy, tag, sort, limit, offset, cursor } = options;
  const query = {
    status,
    job_type: jobType,
    queue,
    created_by: createdBy,
    tag,
    sort,
    limit,
    offset,
    cursor,
  };
  await withClient(options, async (client) => {
    const answer = await client.get<ListAnswer>('/api/jobs', query);
    if (options.json) return printJson(answer);
    await printTable(answer.jobs, JOB_COLUMNS, 'no jobs');
    const { total, total_is_exact: isExact } = answer.pagination;
    printNextPage(answer.pagination, `${isExact ? '' : 'about '}${countOf(total, 'job')}`);
  });
}

const JOB_COLUMNS: readonly Column<ListedJob>[] = [
  { title: 'ID', text: ({ id }) => String(id), align: 'right' },
  { title: 'STATE', text: ({ state }) => state, colour: ({ state }) => colourOfState(state) },
  { title: 'TYPE', text: ({ job_type: type }) => type, isFlexible: true },
  { title: 'QUEUE', text: ({ queue }) => queue },
  { title: 'PRIO', text: ({ priority }) => String(priority), align: 'right' },
  { title: 'TRY', text: ({ attempt }) => String(attempt), align: 'right' },
  { title: 'CREATED', text: ({ created_at: at }) => relative(at) },
  {
    title: 'WHY',
    text: ({ reason, progress, status }) => withProgress(reason, status, progress),
    isFlexible: true,
  },
];

const withProgress = (reason: string, status: string, progress: number | null): string =>
  status === 'running' && progress !== null ? `${progress} %, ${reason}` : reason;
