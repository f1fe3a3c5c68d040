import type { Command } from 'commander';
import { apiPath } from '../../client/api-path.js';
import { addClientOptions, type ClientOptions } from '../../client/client-options.js';
import { withClient } from '../../client/with-client.js';
import { coloured, colourOfState } from '../../output/colours.js';
import { printDetails, printJson, printLine, printTitle, shownJson } from '../../output/print.js';
import { countOf, harmless } from '../../output/text.js';
import { duration, exact } from '../../output/times.js';
import type { JobDetail, Neighbour } from './job.js';
import { printAttempts } from './print-attempts.js';

interface ShowOptions extends ClientOptions {
  readonly full?: boolean;
}

export function addShowJob(jobs: Command): void {
  const command = jobs
    .command('show')
    .summary('show a job: its state, why, and each attempt')
    .description(
      'Shows a job: its state and the reason of it, what it was given, and each attempt with its error.',
    )
    .argument('<id>', 'the job')
    .option('--full', 'with the stacks and the log of each attempt');
  addClientOptions(
    command,
    `$ holdfast jobs show 42
     $ holdfast jobs show 42 --full                       with stacks and logs
     $ holdfast jobs show 42 --json | jq .job.reason`,
  ).action(showJob);
}

async function showJob(id: string, options: ShowOptions): Promise<void> {
  await withClient(options, async (client) => {
    const answer = await client.get<{ job: JobDetail }>(apiPath`/api/jobs/${id}`);
    if (options.json) return printJson(answer);
    const { job } = answer;
    printJob(job);
    if (job.executions.length === 0) return;
    printTitle('Attempts');
    const leftOut = job.executions_total - job.executions.length;
    if (leftOut > 0)
      printLine(`${countOf(leftOut, 'older attempt')} left out; the table job_executions has all`);
    await printAttempts(job.executions, options.full ?? false);
  });
}

function printJob(job: JobDetail): void {
  const isWaiting = job.status === 'pending';
  printDetails([
    ['Job', `${job.id}  ${harmless(job.job_type)}`],
    ['State', `${coloured(job.state, colourOfState(job.state))}: ${harmless(job.reason)}`],
    ['Progress', job.progress === null ? null : `${job.progress} %`],
    ['Queue', `${job.queue}, priority ${job.priority}`],
    ['Attempts', describeAttempts(job)],
    ['Timeout', duration(job.timeout_ms)],
    ['Created', exact(job.created_at) + (job.created_by === null ? '' : ` by ${harmless(job.created_by)}`)],
    ['Due', isWaiting && job.scheduled_at !== null ? exact(job.scheduled_at) : null],
    ['Started', job.started_at === null ? null : exact(job.started_at)],
    ['Ended', job.completed_at === null ? null : exact(job.completed_at)],
    ['Worker', job.worker_id],
    ['Tags', job.tags && harmless(job.tags.join(', '))],
    ['Unique key', job.unique_key && harmless(job.unique_key)],
    ['Idempotency key', job.idempotency_key && harmless(job.idempotency_key)],
    ['Waits for', describeNeighbours(job.depends_on)],
    ['Waited for by', describeNeighbours(job.dependents)],
    ['Metadata', job.metadata === null ? null : shownJson(job.metadata)],
    ['Payload', shownJson(job.payload)],
    ['Result', job.result === null ? null : shownJson(job.result)],
    // Of a job that has failed it is the reason of its state.
    ['Error', job.reason === job.error_message ? null : job.error_message && harmless(job.error_message)],
  ]);
}

function describeAttempts({ attempt, retry_count, max_retries, lost_count }: JobDetail): string {
  const lost = lost_count > 0 ? `, lost ${countOf(lost_count, 'time')}` : '';
  return `${attempt}; ${retry_count} of ${countOf(max_retries, 'retry', 'retries')} used${lost}`;
}

const MOST_NEIGHBOURS = 10;

function describeNeighbours(neighbours: readonly Neighbour[]): string | null {
  if (neighbours.length === 0) return null;
  const shown = neighbours.slice(0, MOST_NEIGHBOURS).map(({ job_id: id, status }) => `${id} (${status})`);
  const more = neighbours.length - shown.length;
  return shown.join(', ') + (more > 0 ? ` and ${more} more` : '');
}
