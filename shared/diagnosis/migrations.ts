import type { Database, DatabaseOptions } from '../postgres/create-database.js';
import { readMigrationStatus } from '../postgres/migrate.js';
import { counted, ok, problem, warning, type Finding } from './finding.js';

const READ_APPLIED = 'SELECT name FROM holdfast_migrations ORDER BY name';

/** Whether the tables are those that this version of the code knows. @throws PostgresError */
export async function checkMigrations(db: Database, options: DatabaseOptions): Promise<Finding[]> {
  const known = await readMigrationStatus(options);
  const missing = known.filter(({ isApplied }) => !isApplied).map(({ name }) => name);
  if (missing.length > 0)
    return [
      problem(
        `${counted(missing.length, 'migration')} missing in schema "${db.schema}": ${missing.join(', ')}`,
        'API, workers and coordinator of this version do not start on these tables.',
        'Run `holdfast migrate up`.',
      ),
    ];
  const ours = new Set(known.map(({ name }) => name));
  const { rows } = await db.query<{ name: string }>(READ_APPLIED);
  const newer = rows.map(({ name }) => name).filter((name) => !ours.has(name));
  if (newer.length === 0) return [ok('all migrations are applied')];
  return [
    warning(
      `the database is newer than this version of Holdfast, which does not know ${newer.join(', ')}`,
      'The previous version keeps running on new tables, so that a rolling deploy works; older ones may not.',
      'Finish the deploy: run the version of Holdfast that brought these migrations everywhere.',
    ),
  ];
}
