import type { QueryTarget } from '../postgres/query-target.js';

/** What jobs depend on besides workers. */
export interface Surroundings {
  /** A coordinator holds a lease that has not run out. */
  readonly hasLeader: boolean;
  /** Age of the oldest open transaction of this database, prepared ones among them; 0: none is open. */
  readonly longestTransactionSeconds: number;
  readonly tables: readonly TableMeasure[];
}

export interface TableMeasure {
  readonly table: string;
  /** With its indexes and TOAST. */
  readonly bytes: number;
  /** Row versions that nobody can see and VACUUM has not removed, as PostgreSQL estimates them. */
  readonly deadRows: number;
}

/** A row for each session. Without pg_read_all_stats PostgreSQL tells a role of its own transactions only. */
const READ_KEEPERS = `
  SELECT EXISTS (SELECT 1 FROM coordinator_lease
                  WHERE name = 'coordinator' AND holder IS NOT NULL AND expires_at > now()) AS "hasLeader",
         COALESCE(date_part('epoch', clock_timestamp() - LEAST(
           (SELECT min(xact_start) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'),
           (SELECT min(prepared) FROM pg_prepared_xacts WHERE database = current_database()))), 0) AS "longestTransactionSeconds"`;

/** Sizes are asked of the file system, a file for each gigabyte; no page is read. */
const MEASURE_TABLES = `
  SELECT relname AS "table", pg_total_relation_size(oid) AS bytes, pg_stat_get_dead_tuples(oid) AS "deadRows"
    FROM pg_class
   WHERE oid IN (to_regclass('jobs'), to_regclass('job_executions'), to_regclass('dead_letter_jobs'), to_regclass('claim_batches'))
   ORDER BY relname`;

/** @throws PostgresError */
export async function measureSurroundings(db: QueryTarget): Promise<Surroundings> {
  const keepers = (await db.query(READ_KEEPERS)).rows as Omit<Surroundings, 'tables'>[];
  const tables = (await db.query(MEASURE_TABLES)).rows as TableMeasure[];
  return { ...keepers[0]!, tables };
}
