#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { packageVersion } from '../shared/package-root.js';
import { addApi } from './commands/api.js';
import { addCoordinator } from './commands/coordinator.js';
import { addDev } from './commands/dev.js';
import { addDoctor } from './commands/doctor.js';
import { addMigrate } from './commands/migrate.js';
import { addWorker } from './commands/worker.js';
import { printFailure } from './failure.js';

const BAD_USAGE = 2;

const program = new Command('holdfast')
  .description('Durable background jobs: PostgreSQL is the truth, Redis makes it fast.')
  .version(packageVersion)
  .showSuggestionAfterError()
  .showHelpAfterError('(--help tells more)')
  .addHelpText(
    'after',
    `
Examples:
  $ holdfast dev                                  all of it on this machine, servers included
  $ holdfast migrate up                           create or update the tables
  $ holdfast worker --handlers ./dist/jobs.js     run your jobs
  $ holdfast api                                  serve the HTTP API

Settings are environment variables, also read from a .env file here; .env.example lists them all.`,
  )
  .exitOverride();

// Each loads what it runs when it is run: `migrate` needs no web server, and --help needs nothing.
for (const add of [addMigrate, addApi, addWorker, addCoordinator, addDoctor, addDev]) add(program);

try {
  await program.parseAsync();
} catch (error) {
  // Commander has said already what is wrong with the command line.
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : BAD_USAGE);
  printFailure(error);
  process.exit(1);
}
