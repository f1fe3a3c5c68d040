import type { Database } from '../postgres/create-database.js';

/** Locks what it can, and only looks: the locks go with the statement. */
const FIND_HELD_JOBS = `
  WITH free AS MATERIALIZED (SELECT id FROM jobs WHERE id = ANY ($1::bigint[]) FOR NO KEY UPDATE SKIP LOCKED)
  SELECT id FROM jobs WHERE id = ANY ($1::bigint[]) AND NOT EXISTS (SELECT 1 FROM free WHERE free.id = jobs.id)`;

/** Those of these jobs whose rows another transaction holds just now. @throws PostgresError */
export const findHeldJobs = (db: Database, ids: readonly number[]): Promise<Set<number>> =>
  findIds(db, FIND_HELD_JOBS, ids);

/** The children that a release would change; of each parent as many as one looks at, and so many in all. */
const FIND_PARENTS_OF_HELD = `
  WITH edge AS MATERIALIZED (
    SELECT p.id AS parent, d.job_id AS child FROM jobs p CROSS JOIN LATERAL (
      SELECT job_id FROM job_dependencies WHERE depends_on_job_id = p.id AND satisfied_at IS NULL
         AND (p.status = 'completed' OR on_failure <> 'block')
       ORDER BY job_id LIMIT 1000) d
     WHERE p.id = ANY ($1::bigint[]) LIMIT 10000
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
