import type { Command } from 'commander';
import { checkMigrations } from '../check-migrations.js';
import { runService } from '../run-service.js';
import { startingAs } from '../service-failure.js';
import { openLogger, readSettings } from '../settings.js';

const STOP_LIMIT_MS = 30_000;

export function addApi(program: Command): void {
  program
    .command('api')
    .summary('serve the HTTP API')
    .description(
      'Serves the HTTP API on API_HOST and API_PORT, and stands for coordinator unless COORDINATOR_ENABLED=false.',
    )
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast api
  $ API_HOST=0.0.0.0 API_PORT=8080 holdfast api`,
    )
    .action(startingAs('api', runApi));
}

async function runApi(): Promise<void> {
  const config = readSettings();
  const logger = await openLogger(config, 'api');
  const compose = async () => {
    await checkMigrations(config);
    const { composeApiProcess } = await import('../../api/main.js');
    const { createCoordinator } = await import('../../workers/main.js');
    return composeApiProcess(config, {
      logger,
      extraServices: (installation) =>
        config.coordinator.isEnabled ? [createCoordinator(installation, config)] : [],
    });
  };
  await runService(compose, { logger, stopLimitMs: STOP_LIMIT_MS });
}
