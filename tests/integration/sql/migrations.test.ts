import { afterEach, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { migrate, readMigrationStatus } from '../../../shared/postgres/migrate.js';
import { databaseUrl } from '../../support/database-url.js';

const serverUrl = process.env.HOLDFAST_TEST_POSTGRES_URL ?? '';
const name = `holdfast_migrations_${randomBytes(4).toString('hex')}`;
const connectionString = databaseUrl(serverUrl, name);

async function onServer(text: string, url = serverUrl): Promise<pg.QueryResult> {
  const client = new pg.Client(url);
  await client.connect();
  return client.query(text).finally(() => client.end());
}
const objects = async () =>
  (
    await onServer(
      `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')
       UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
       UNION ALL SELECT typname FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typtype IN ('e', 'd') ORDER BY 1`,
      connectionString,
    )
  ).rows.map((row: { name: string }) => row.name);

afterEach(() => onServer(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));

test('up, all the way down, and up again leave the same schema', async () => {
  await onServer(`CREATE DATABASE ${name}`);
  const names = await migrate('up', { connectionString });
  const before = await objects();
  expect((await readMigrationStatus({ connectionString })).every(({ isApplied }) => isApplied)).toBe(true);
  await migrate('down', { connectionString }, names.length);
  expect(await objects()).toEqual(['holdfast_migrations']);
  await migrate('up', { connectionString });
  expect(await objects()).toEqual(before);
});

test('twenty processes that boot at once migrate once', async () => {
  await onServer(`CREATE DATABASE ${name}`);
  const ran = await Promise.all(Array.from({ length: 20 }, () => migrate('up', { connectionString })));
  expect(ran.filter((names) => names.length > 0)).toHaveLength(1);
});

test('another schema holds everything, and its functions work from outside', async () => {
  await onServer(`CREATE DATABASE ${name}`);
  await migrate('up', { connectionString, schema: 'holdfast' });
  expect(await objects()).toEqual([]);
  const { rows } = await onServer(`SELECT holdfast.submit_job('mail') AS id`, connectionString);
  expect(rows).toEqual([{ id: '1' }]);
  expect((await onServer('SELECT job_type FROM holdfast.get_ready_jobs(5)', connectionString)).rows).toEqual([
    { job_type: 'mail' },
  ]);
});
