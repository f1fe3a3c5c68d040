import type { Command } from 'commander';
import { checkMigrations } from '../check-migrations.js';
import { runService } from '../run-service.js';
import { startingAs } from '../service-failure.js';
import { openLogger, readSettings } from '../settings.js';

const STOP_LIMIT_MS = 30_000;

export function addCoordinator(program: Command): void {
  program
    .command('coordinator')
    .summary('promote due jobs, sweep, rescue')
    .description(
      'Stands for coordinator and does nothing else. Any number may run; one of them leads. API and worker processes ' +
        'carry a coordinator along, so that this is for installations that keep it apart.',
    )
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast coordinator
  $ COORDINATOR_ENABLED=false holdfast worker        a worker without`,
    )
    .action(startingAs('coordinator', runCoordinator));
}

async function runCoordinator(): Promise<void> {
  const config = readSettings();
  const logger = await openLogger(config, 'coordinator');
  const compose = async () => {
    await checkMigrations(config);
    const { composeCoordinatorProcess } = await import('../../workers/main.js');
    return composeCoordinatorProcess(config, logger);
  };
  await runService(compose, { logger, stopLimitMs: STOP_LIMIT_MS });
}
