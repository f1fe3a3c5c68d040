import type { Command } from 'commander';
import { apiPath } from '../../client/api-path.js';
import { addClientOptions, type ClientOptions } from '../../client/client-options.js';
import { withClient } from '../../client/with-client.js';
import { printDetails, printJson } from '../../output/print.js';
import { harmless } from '../../output/text.js';
import { exact } from '../../output/times.js';
import { counted, describeOldest, describeState, describeWorkers, type Queue } from './queue.js';

export function addShowQueue(queues: Command): void {
  const command = queues
    .command('show')
    .summary('show a queue')
    .description('Shows a queue: whether it is paused, what waits in it, how fast it goes.')
    .argument('<name>', 'the queue');
  addClientOptions(
    command,
    `$ holdfast queues show mail
     $ holdfast queues show mail --json | jq .queue.depths.ready`,
  ).action(showQueue);
}

async function showQueue(name: string, options: ClientOptions): Promise<void> {
  await withClient(options, async (client) => {
    const answer = await client.get<{ queue: Queue }>(apiPath`/api/queues/${name}`);
    if (options.json) return printJson(answer);
    const { queue } = answer;
    const { depths, throughput, is_exact: isExact } = queue;
    printDetails([
      ['Queue', queue.name],
      ['State', describeState(queue) + (queue.paused_at === null ? '' : ` since ${exact(queue.paused_at)}`)],
      ['Paused by', queue.paused_by && harmless(queue.paused_by)],
      ['Reason', queue.pause_reason && harmless(queue.pause_reason)],
      ['Ready', counted(depths.ready, isExact)],
      ['Paused', counted(depths.paused, isExact)],
      ['Running', counted(depths.running, isExact)],
      ['Scheduled', counted(depths.scheduled, isExact)],
      ['Blocked', counted(depths.blocked, isExact)],
      ['Oldest ready', describeOldest(queue)],
      ['Done in a minute', counted(throughput.last_minute, throughput.is_exact)],
      ['Done in an hour', counted(throughput.last_hour, throughput.is_exact)],
      ['Workers', describeWorkers(queue)],
    ]);
  });
}
