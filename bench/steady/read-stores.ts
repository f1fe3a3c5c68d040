import type { Servers } from '../../servers/start-servers.js';
import { readRedisBytes } from '../redis-info.js';
import { withClient } from '../with-client.js';

/** What PostgreSQL knows of one table. */
export interface TableState {
  /** With its free space map and what lies in TOAST; without indexes. */
  readonly bytes: number;
  readonly indexBytes: number;
  readonly deadTuples: number;
  /** Rows since the table was made, by PostgreSQL's statistics, which are about a second late. */
  readonly inserted: number;
  readonly deleted: number;
}

export interface Stores {
  readonly jobs: TableState;
  readonly executions: TableState;
  readonly redisBytes: number;
}

const READ_TABLE = `
  SELECT pg_table_size(relid)::float8 AS bytes, pg_indexes_size(relid)::float8 AS "indexBytes",
         n_dead_tup::float8 AS "deadTuples", n_tup_ins::float8 AS inserted, n_tup_del::float8 AS deleted
    FROM pg_stat_user_tables WHERE relid = $1::regclass`;

export async function readStores(servers: Servers): Promise<Stores> {
  return withClient(servers.postgresUrl, async (client) => {
    const read = async (table: string) =>
      (await client.query<TableState>(READ_TABLE, [table])).rows[0] as TableState;
    return {
      jobs: await read('jobs'),
      executions: await read('job_executions'),
      redisBytes: await readRedisBytes(servers),
    };
  });
}

/** Jobs that are not recorded as done. */
export async function countUnfinished(servers: Servers): Promise<number> {
  const count = 'SELECT count(*)::int AS unfinished FROM jobs WHERE completed_at IS NULL';
  const { rows } = await withClient(servers.postgresUrl, (client) =>
    client.query<{ unfinished: number }>(count),
  );
  return rows[0]?.unfinished ?? NaN;
}
