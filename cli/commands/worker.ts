import type { Command } from 'commander';
import { checkMigrations } from '../check-migrations.js';
import { addHandlersOption, loadChosenHandlers, type HandlersOption } from '../handlers-option.js';
import { runService } from '../run-service.js';
import { startingAs } from '../service-failure.js';
import { checkedAs, openLogger, readSettings } from '../settings.js';
import { workerStopLimitMs } from '../stop-limit.js';

interface WorkerCommandOptions extends HandlersOption {
  readonly queues?: string;
  readonly concurrency?: string;
}

export function addWorker(program: Command): void {
  const command = program
    .command('worker')
    .summary('run jobs')
    .description(
      'Runs the jobs of its queues: the built-in types, and those of your handler modules. Stands for coordinator too, ' +
        'unless COORDINATOR_ENABLED=false.',
    )
    .option('-q, --queues <list>', 'instead of WORKER_QUEUES', checkedAs('WORKER_QUEUES'))
    .option('-c, --concurrency <number>', 'instead of WORKER_CONCURRENCY', checkedAs('WORKER_CONCURRENCY'));
  addHandlersOption(command)
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast worker
  $ holdfast worker --queues default,mail --concurrency 20
  $ holdfast worker --queues default:10,mail:2       slots of their own
  $ holdfast worker --handlers ./dist/jobs.js        export default [defineJob({ ... })]`,
    )
    .action(startingAs('worker', runWorker));
}

async function runWorker(options: WorkerCommandOptions): Promise<void> {
  const { queues, concurrency, handlers: modules } = options;
  const config = readSettings({
    WORKER_QUEUES: queues,
    WORKER_CONCURRENCY: concurrency,
    WORKER_HANDLERS: modules?.join(','),
  });
  const logger = await openLogger(config, 'worker');
  const compose = async () => {
    const handlers = await loadChosenHandlers(config, options);
    await checkMigrations(config);
    const { composeWorkerProcess } = await import('../../workers/main.js');
    return composeWorkerProcess(config, { logger, ...handlers });
  };
  await runService(compose, { logger, stopLimitMs: workerStopLimitMs(config) });
}
