import type { Installation } from '../installation.js';
import type { Database } from '../postgres/create-database.js';

interface PrunedPage {
  readonly lastId: number | null;
  readonly deleted: number;
  readonly isAtYoungJobs: boolean;
}

/**
 * One page along the primary key: retention has no index of its own, which every submit would pay for. Kept are jobs
 * with an open dead letter and parents of unfinished children. Rows somebody holds are for the next round. Sub-selects of one
 * row, since a plan for any page size would put all dead letters and all dependencies into a hash for each EXISTS.
 */
const PRUNE_PAGE = `
  WITH page AS MATERIALIZED (
    SELECT id, created_at, completed_at, has_dependents, error_class FROM jobs WHERE id > $1 ORDER BY id LIMIT $2
  ), doomed AS (
    SELECT j.id FROM jobs j JOIN page p ON p.id = j.id
     WHERE j.completed_at < now() - $3 * interval '1 millisecond'
       AND (p.error_class IS NULL
         OR (SELECT 1 FROM dead_letter_jobs d WHERE d.job_id = p.id AND d.status = 'open' LIMIT 1) IS NULL)
       AND (NOT p.has_dependents OR (
         SELECT 1 FROM job_dependencies d JOIN jobs c ON c.id = d.job_id
          WHERE d.depends_on_job_id = p.id AND c.completed_at IS NULL LIMIT 1) IS NULL)
     ORDER BY j.id FOR UPDATE OF j SKIP LOCKED
  ), deleted AS (
    DELETE FROM jobs WHERE id = ANY (ARRAY(SELECT id FROM doomed)) RETURNING 1
  )
  SELECT (SELECT max(id) FROM page) AS "lastId", (SELECT count(*) FROM deleted) AS deleted,
         COALESCE((SELECT bool_and(created_at > now() - $3 * interval '1 millisecond') FROM page), true) AS "isAtYoungJobs"`;

/**
 * Deletes one page of jobs that finished longer than `retentionMs` ago, and their history with them.
 *
 * @returns where to go on, or null when the walk has come to jobs that are too young: start over later
 * @throws PostgresError
 */
export async function prunePage(
  installation: Installation,
  afterId: number,
  { retentionMs, pageSize = 1_000 }: { retentionMs: number; pageSize?: number },
): Promise<{ nextAfterId: number | null; deleted: number }> {
  const { rows } = await installation.db.query<PrunedPage>(PRUNE_PAGE, [afterId, pageSize, retentionMs]);
  const { lastId, deleted, isAtYoungJobs } = rows[0] as PrunedPage;
  if (deleted > 0) installation.events.emit('pruned', { jobs: deleted });
  return { nextAfterId: lastId === null || isAtYoungJobs ? null : lastId, deleted };
}

/** The next id there is, or null. @throws PostgresError */
export async function findJobAfter(db: Database, afterId: number): Promise<number | null> {
  const { rows } = await db.query<{ id: number }>('SELECT id FROM jobs WHERE id > $1 ORDER BY id LIMIT 1', [
    afterId,
  ]);
  return rows[0]?.id ?? null;
}
