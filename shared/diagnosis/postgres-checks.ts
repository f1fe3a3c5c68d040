import type { Database, DatabaseOptions } from '../postgres/create-database.js';
import type { Check } from './check.js';
import { judgeClock, readClock } from './clock.js';
import { checkConnections, type ProcessSize } from './connections.js';
import { checkLeadership } from './leadership.js';
import { checkMigrations } from './migrations.js';
import { checkOpenTransactions, type TransactionAges } from './open-transactions.js';
import { checkOrphanedClaims } from './orphaned-claims.js';
import { checkOwnerlessJobs } from './ownerless-jobs.js';
import { judgeDurability, judgeVersion, type PostgresServer } from './postgres-server.js';
import { checkReplicationSlots } from './replication-slots.js';
import { checkServedQueues } from './served-queues.js';

/** What does not change by itself: checked when a process starts, too. */
export const settingChecks = (
  db: Database,
  server: PostgresServer,
  size: ProcessSize,
  clockReadings: number,
): Check[] => [
  { name: 'postgres.version', run: () => judgeVersion(server) },
  { name: 'postgres.durability', run: () => judgeDurability(server) },
  { name: 'postgres.connections', run: () => checkConnections(db, size) },
  {
    name: 'postgres.clock',
    run: async () => judgeClock('PostgreSQL', await readClock(() => readTime(db), clockReadings)),
  },
];

/** What is so at the moment, and needs no tables of ours. */
export const stateChecks = (db: Database, options: DatabaseOptions, ages: TransactionAges): Check[] => [
  { name: 'postgres.transactions', run: () => checkOpenTransactions(db, ages) },
  { name: 'postgres.slots', run: () => checkReplicationSlots(db) },
  { name: 'migrations', run: () => checkMigrations(db, options) },
];

/** Whether what runs jobs is there; needs all tables. */
export const engineChecks = (db: Database): Check[] => [
  { name: 'coordinator', run: () => checkLeadership(db) },
  { name: 'queues', run: () => checkServedQueues(db) },
  { name: 'rescue', run: () => checkOrphanedClaims(db) },
  { name: 'ownerless', run: () => checkOwnerlessJobs(db) },
];

const READ_TIME = `SELECT date_part('epoch', clock_timestamp()) * 1000 AS ms`;

async function readTime(db: Database): Promise<number> {
  const { rows } = await db.query<{ ms: number }>(READ_TIME);
  return rows[0]!.ms;
}
