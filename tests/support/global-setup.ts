import { startServers, type Servers } from '../../servers/start-servers.js';

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
}
