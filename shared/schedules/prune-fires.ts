import type { Database } from '../postgres/create-database.js';

const PAGE = 5_000;

const PRUNE_FIRES = `
  DELETE FROM job_schedule_fires WHERE (schedule_id, fire_at) IN (
    SELECT schedule_id, fire_at FROM job_schedule_fires f WHERE fired_at < now() - $1 * interval '1 millisecond'
       AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.id = f.job_id AND j.completed_at IS NULL)
     ORDER BY fired_at LIMIT ${PAGE} FOR UPDATE SKIP LOCKED)`;

/**
 * Deletes one page of the record of fires that were decided longer than `retentionMs` ago. No fire can come back by it: a schedule's
 * next fire is always ahead of its last. Those whose job is unfinished stay: the next fire may not overlap it.
 *
 * @returns whether there may be more
 * @throws PostgresError
 */
export async function pruneFires(db: Database, retentionMs: number): Promise<boolean> {
  const { rowCount } = await db.query(PRUNE_FIRES, [retentionMs]);
  return rowCount === PAGE;
}
