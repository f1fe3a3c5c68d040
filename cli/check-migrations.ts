import type { Config } from '../config/load-config.js';
import { HoldfastError, messageOf } from '../shared/errors.js';
import type { MigrationStatus } from '../shared/postgres/migrate.js';

/** @throws HoldfastError `not_migrated`, or `postgres_unavailable` when PostgreSQL does not answer */
export async function checkMigrations({ postgres }: Config): Promise<void> {
  const missing = (await readMigrations(postgres)).filter(({ isApplied }) => !isApplied);
  if (missing.length === 0) return;
  const names = missing.map(({ name }) => name).join(', ');
  throw new HoldfastError(
    'not_migrated',
    `the database lacks ${missing.length === 1 ? 'a migration' : `${missing.length} migrations`} (${names}) in schema "${postgres.schema}": run \`holdfast migrate up\``,
  );
}

/**
 * @param where the variable to check when PostgreSQL does not answer
 * @throws HoldfastError `postgres_unavailable`
 */
export async function readMigrations(
  postgres: Config['postgres'],
  where = 'DATABASE_URL (or POSTGRES_*)',
): Promise<MigrationStatus[]> {
  const { readMigrationStatus } = await import('../shared/postgres/migrate.js');
  try {
    return await readMigrationStatus(postgres);
  } catch (error) {
    throw new HoldfastError(
      'postgres_unavailable',
      `PostgreSQL cannot be used: ${messageOf(error)}. Check ${where} and that the server runs`,
      { cause: error },
    );
  }
}
