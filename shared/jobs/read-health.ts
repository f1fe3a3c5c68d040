import type { Database } from '../postgres/create-database.js';

/** Whether the parts that run jobs are there, as PostgreSQL sees them. */
export interface EngineHealth {
  readonly hasLeader: boolean;
  readonly term: number;
  readonly workersAlive: number;
}

const READ_HEALTH = `
  SELECT COALESCE(l.holder IS NOT NULL AND l.expires_at > now(), false) AS "hasLeader", COALESCE(l.term, 0) AS term,
         (SELECT count(*) FROM workers w WHERE w.dead_at IS NULL AND w.stopped_at IS NULL
             AND w.last_seen_at > now() - w.dead_after_ms * interval '1 millisecond') AS "workersAlive"
    FROM (VALUES ('coordinator')) AS wanted (name) LEFT JOIN coordinator_lease l USING (name)`;

/** @throws PostgresError */
export async function readHealth(db: Database): Promise<EngineHealth> {
  const { rows } = await db.query<EngineHealth>(READ_HEALTH);
  return rows[0]!;
}
