import type { Database } from '../postgres/create-database.js';
import { counted, ok, warning, type Finding } from './finding.js';

/** What a process wants of PostgreSQL. */
export interface ProcessSize {
  readonly poolSize: number;
  /** The queues it works on; 0: it runs no jobs. */
  readonly queueCount: number;
  readonly coordinates: boolean;
}

/** Outside the pool: the heartbeat's thread, and the leader's ear for announcements. */
const CONNECTIONS_BESIDES_POOL = 2;
/** One claims, two settle. */
const CONNECTIONS_OF_ONE_QUEUE = 3;

const READ_CONNECTIONS = `
  SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
           - COALESCE(current_setting('reserved_connections', true)::int, 0) AS most,
         (SELECT sum(numbackends)::int FROM pg_stat_database) AS used`;

/** Whether PostgreSQL has room for a process of this size, and the process's pool for its queues. @throws PostgresError */
export async function checkConnections(db: Database, size: ProcessSize): Promise<Finding[]> {
  const { rows } = await db.query<{ most: number; used: number }>(READ_CONNECTIONS);
  return [...judgeRoom(rows[0]!, size), ...judgePool(size)];
}

function judgeRoom({ most, used }: { most: number; used: number }, { poolSize }: ProcessSize): Finding[] {
  const free = Math.max(most - used, 0);
  const wanted = poolSize + CONNECTIONS_BESIDES_POOL;
  const use = `${used} of ${counted(most, 'connection')} to PostgreSQL are in use`;
  if (free >= wanted) return [ok(use)];
  return [
    warning(
      `${use}; a process with DATABASE_POOL_SIZE=${poolSize} may open ${wanted}`,
      'When there are no more, whoever comes is refused: claims, submits and heartbeats fail until one is free.',
      'Raise max_connections, lower DATABASE_POOL_SIZE, run fewer processes, or put a connection pooler in between.',
    ),
  ];
}

function judgePool({ poolSize, queueCount, coordinates }: ProcessSize): Finding[] {
  if (queueCount === 0) return [];
  const wanted = CONNECTIONS_OF_ONE_QUEUE + queueCount - 1 + (coordinates ? 1 : 0);
  if (poolSize >= wanted) return [];
  return [
    warning(
      `DATABASE_POOL_SIZE is ${poolSize} for a worker of ${counted(queueCount, 'queue')}`,
      'When all its queues are busy, their claims and settles wait for one another.',
      `Set DATABASE_POOL_SIZE to ${wanted} or more.`,
    ),
  ];
}
