import type { Command } from 'commander';
import { apiPath } from '../../client/api-path.js';
import { addClientOptions, type ClientOptions } from '../../client/client-options.js';
import { withClient } from '../../client/with-client.js';
import { coloured, colourOfState } from '../../output/colours.js';
import { printDetails, printJson, printTitle } from '../../output/print.js';
import { printTable, type Column } from '../../output/table.js';
import { harmless } from '../../output/text.js';
import { exact, relative } from '../../output/times.js';
import type { RunningJob, Worker } from './worker.js';

export function addShowWorker(workers: Command): void {
  const command = workers
    .command('show')
    .summary('show a worker and what it runs')
    .description('Shows a worker: what it is there for, and each job that it runs, and since when.')
    .argument('<id>', 'the worker');
  addClientOptions(
    command,
    `$ holdfast workers show w-1f9c
     $ holdfast workers show w-1f9c --json | jq '.worker.running[].job_id'`,
  ).action(showWorker);
}

async function showWorker(id: string, options: ClientOptions): Promise<void> {
  await withClient(options, async (client) => {
    const answer = await client.get<{ worker: Worker }>(apiPath`/api/workers/${id}`);
    if (options.json) return printJson(answer);
    const { worker } = answer;
    printWorker(worker);
    if (worker.running.length === 0) return;
    printTitle('Runs');
    await printTable(worker.running, COLUMNS, 'nothing');
  });
}

function printWorker(worker: Worker): void {
  const { dead_at: deadAt, stopped_at: stoppedAt } = worker;
  printDetails([
    ['Worker', worker.worker_id],
    ['Status', coloured(worker.status, colourOfState(worker.status))],
    ['Host', `${harmless(worker.hostname)}, process ${worker.pid}`],
    ['Version', worker.version],
    ['Queues', worker.queues.join(', ')],
    ['Job types', harmless(worker.job_types.join(', '))],
    ['Running', `${worker.running_count} of ${worker.concurrency}`],
    ['Started', exact(worker.started_at)],
    ['Last seen', exact(worker.last_seen_at)],
    ['Declared dead', deadAt && exact(deadAt)],
    ['Stopped', stoppedAt && exact(stoppedAt)],
  ]);
}

const COLUMNS: readonly Column<RunningJob>[] = [
  { title: 'JOB', text: ({ job_id: id }) => String(id), align: 'right' },
  { title: 'TYPE', text: ({ job_type: type }) => type, isFlexible: true },
  { title: 'QUEUE', text: ({ queue }) => queue },
  { title: 'TRY', text: ({ attempt }) => String(attempt), align: 'right' },
  { title: 'SINCE', text: ({ started_at: at }) => relative(at) },
];
