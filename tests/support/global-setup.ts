import pg from 'pg';
import { startServers, type Servers } from '../../servers/start-servers.js';
import { migrate } from '../../shared/postgres/migrate.js';
import { databaseUrl, TEMPLATE_DATABASE } from './database-url.js';

declare global {
  var holdfastTestServers: Servers | undefined;
}

/** One PostgreSQL and one Redis for the whole run; the tests find them through two variables. */
export default async function startTestServers(): Promise<void> {
  const servers = await startServers({
    // What a test database loses in a power cut nobody misses.
    postgresSettings: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' },
    log: (line) => console.log(line),
  });
  process.env.HOLDFAST_TEST_POSTGRES_URL = servers.postgresUrl;
  if (servers.redisUrl === null) delete process.env.HOLDFAST_TEST_REDIS_URL;
  else process.env.HOLDFAST_TEST_REDIS_URL = servers.redisUrl;
  globalThis.holdfastTestServers = servers;
  await createTemplate(servers.postgresUrl);
}

/** Migrated once; each test file clones it. */
async function createTemplate(postgresUrl: string): Promise<void> {
  const client = new pg.Client(postgresUrl);
  await client.connect();
  await client.query(`DROP DATABASE IF EXISTS ${TEMPLATE_DATABASE}`);
  await client.query(`CREATE DATABASE ${TEMPLATE_DATABASE}`);
  await client.end();
  await migrate('up', { connectionString: databaseUrl(postgresUrl, TEMPLATE_DATABASE) });
}
