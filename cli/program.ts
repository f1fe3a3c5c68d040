import { Command } from 'commander';
import { packageVersion } from '../shared/package-root.js';
import { addApi } from './commands/api.js';
import { addCoordinator } from './commands/coordinator.js';
import { addDeadLetters } from './commands/dead-letters/add-dead-letters.js';
import { addDev } from './commands/dev.js';
import { addDoctor } from './commands/doctor.js';
import { addJobs } from './commands/jobs/add-jobs.js';
import { addKeys } from './commands/keys/add-keys.js';
import { addMigrate } from './commands/migrate.js';
import { addQueues } from './commands/queues/add-queues.js';
import { addSchedules } from './commands/schedules/add-schedules.js';
import { addSubmit } from './commands/submit/submit.js';
import { addWorker } from './commands/worker.js';
import { addWorkers } from './commands/workers/add-workers.js';

/** The command line, complete and not yet parsed. */
export function createProgram(): Command {
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
  $ holdfast submit report --payload '{}' --watch submit a job, and follow it
  $ holdfast jobs list --status failed            what went wrong?

Commands that look at jobs and change them ask the API at --api or HOLDFAST_API_URL; where neither is given, the database
that DATABASE_URL or POSTGRES_* name; else the API of this machine. They end with 0, with 1 when it could not be done, and
with 2 when the command line, or what it gave, is wrong.

Settings are environment variables, also read from a .env file here; .env.example lists them all.`,
    )
    .exitOverride();

  // Each loads what it runs when it is run: `migrate` needs no web server, and --help needs nothing.
  program.commandsGroup('Processes and tables:');
  for (const add of [addMigrate, addApi, addWorker, addCoordinator, addDoctor, addDev]) add(program);
  program.commandsGroup('Jobs:').helpCommand('help [command]', 'the same as --help');
  for (const add of [addSubmit, addJobs, addDeadLetters, addSchedules, addQueues, addWorkers, addKeys])
    add(program);
  return program;
}
