import { afterEach, beforeEach, expect, test } from '@jest/globals';
import pg from 'pg';
import { createClient } from '../../shared/client/create-client.js';
import { openInstallation } from '../../shared/installation.js';
import { createWorker } from '../../workers/create-worker.js';
import { eventually } from '../support/eventually.js';
import { createTestDatabase, type TestDatabase } from '../support/test-installation.js';
import { actJob } from '../support/test-jobs.js';

/** The application shares the database, has tables of the same names, and a search_path of its own. */
let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(() => database.drop());

async function sql(text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(database.connectionString);
  await client.connect();
  const { rows } = await client.query<Record<string, unknown>>(text).finally(() => client.end());
  return rows;
}

test.each(['app', 'app, public', "''"])('works where the search_path is %s', async (path) => {
  const name = new URL(database.connectionString).pathname.slice(1);
  await sql(
    'CREATE SCHEMA app; CREATE TABLE app.jobs (id int); CREATE TABLE app.workers (LIKE public.workers)',
  );
  await sql(`ALTER DATABASE ${name} SET search_path = ${path}`);
  const installation = await openInstallation({ postgres: { connectionString: database.connectionString } });
  const echo = actJob('echo', (payload) => payload);
  const worker = createWorker({ installation, jobs: [echo], heartbeatIntervalMs: 200 });
  try {
    const client = await createClient({ installation });
    await worker.start();
    const { id } = await client.submit(echo, { n: 1 });
    expect(await client.result(id)).toEqual({ n: 1 });
    await eventually(
      'its heartbeat beats',
      async () => (await sql('SELECT 1 FROM public.workers WHERE last_seen_at > started_at')).length === 1,
    );
    expect(await sql('SELECT 1 FROM app.jobs')).toEqual([]);
  } finally {
    await worker.stop();
    await installation.close();
  }
});
