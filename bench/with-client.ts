import pg from 'pg';

/** Runs `work` on a connection of its own. @throws what `work` throws */
export async function withClient<T>(
  connectionString: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client(connectionString);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Has everything written, so that no measure pays for what another left behind. */
export const checkpoint = (connectionString: string): Promise<unknown> =>
  withClient(connectionString, (client) => client.query('CHECKPOINT'));

/**
 * Statistics as an installation has them that has run for a while. Right after a bulk load there are none, until autovacuum comes
 * within a minute: one of the peers drains a fifteenth as fast then.
 */
export const analyze = (connectionString: string): Promise<unknown> =>
  withClient(connectionString, (client) => client.query('ANALYZE'));

/** Another session holds a snapshot from now on: nothing that dies from here can be vacuumed. Until it is ended, or the server is. */
export async function holdSnapshot(connectionString: string): Promise<pg.Client> {
  const holder = new pg.Client(connectionString);
  holder.on('error', () => undefined);
  await holder.connect();
  await holder.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  await holder.query('SELECT count(*) FROM pg_class');
  return holder;
}
