import { Argument, type Command } from 'commander';
import type { Config } from '../../config/load-config.js';
import { readMigrations } from '../check-migrations.js';
import { readSettings } from '../settings.js';

type Direction = 'up' | 'down' | 'status';

export function addMigrate(program: Command): void {
  program
    .command('migrate')
    .summary('create or change the tables')
    .description(
      'Applies all pending migrations (up), takes back the last one (down), or lists them (status).',
    )
    .addArgument(new Argument('[direction]', 'what to do').choices(['up', 'down', 'status']).default('up'))
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast migrate             apply what is pending
  $ holdfast migrate status      list the migrations and whether this database has them
  $ holdfast migrate down        take back the last one; its tables and their content go with it`,
    )
    .action((direction: Direction) => runMigrate(direction, readSettings()));
}

async function runMigrate(direction: Direction, config: Config): Promise<void> {
  const { directConnectionString } = config.postgres;
  const isDirect = directConnectionString !== undefined;
  const postgres = isDirect
    ? { ...config.postgres, connectionString: directConnectionString }
    : config.postgres;
  // First of all: a server that is away is told in the same words as everywhere.
  const before = await readMigrations(postgres, isDirect ? 'DATABASE_DIRECT_URL' : undefined);
  console.error(describeTarget(postgres));
  if (direction === 'status') {
    for (const { name, isApplied } of before) console.log(`${isApplied ? 'applied' : 'pending'}  ${name}`);
    return;
  }
  const { migrate } = await import('../../shared/postgres/migrate.js');
  const names = await migrate(direction, postgres);
  for (const name of names) console.log(`${direction === 'up' ? 'applied' : 'taken back'}  ${name}`);
  if (names.length === 0)
    console.log(direction === 'up' ? 'nothing to do: all migrations are applied' : 'nothing to take back');
}

/** What is looked at, or about to be changed; never its password. */
function describeTarget({ connectionString, schema }: Config['postgres']): string {
  const url = new URL(connectionString);
  const database = decodeURIComponent(url.pathname.slice(1)) || url.username;
  const host = url.searchParams.get('host') ?? url.host;
  return `database ${database} on ${host}, schema ${schema ?? 'public'}`;
}
