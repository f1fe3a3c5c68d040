import type { Database } from '../postgres/create-database.js';

/** Locks what it can, and only looks: the locks go with the statement. */
const FIND_HELD_JOBS = `
  WITH free AS MATERIALIZED (SELECT id FROM jobs WHERE id = ANY ($1::bigint[]) FOR NO KEY UPDATE SKIP LOCKED)
  SELECT id FROM jobs WHERE id = ANY ($1::bigint[]) AND NOT EXISTS (SELECT 1 FROM free WHERE free.id = jobs.id)`;

/** Those of these jobs whose rows another transaction holds just now. @throws PostgresError */
export const findHeldJobs = (db: Database, ids: readonly number[]): Promise<Set<number>> =>
  findIds(db, FIND_HELD_JOBS, ids);

/** Of each parent, as many children as one release looks at. */
const FIND_PARENTS_OF_HELD = `
  WITH edge AS MATERIALIZED (
    SELECT parent.id AS parent, d.job_id AS child FROM unnest($1::bigint[]) AS parent (id) CROSS JOIN LATERAL (
      SELECT job_id FROM job_dependencies WHERE depends_on_job_id = parent.id AND satisfied_at IS NULL
       ORDER BY job_id LIMIT 1000) d
  ), free AS MATERIALIZED (
    SELECT id FROM jobs WHERE id = ANY (ARRAY(SELECT child FROM edge)) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
  )
  SELECT DISTINCT parent AS id FROM edge WHERE NOT EXISTS (SELECT 1 FROM free WHERE free.id = edge.child)`;

/** Those of these jobs for which a child waits whose row another transaction holds just now. @throws PostgresError */
export const findParentsOfHeld = (db: Database, ids: readonly number[]): Promise<Set<number>> =>
  findIds(db, FIND_PARENTS_OF_HELD, ids);

async function findIds(db: Database, statement: string, ids: readonly number[]): Promise<Set<number>> {
  const { rows } = await db.query<{ id: number }>(statement, [ids]);
  return new Set(rows.map(({ id }) => id));
}
