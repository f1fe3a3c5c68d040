import type { Database } from '../postgres/create-database.js';

const UNFINISHED = 'j.completed_at IS NULL AND j.unmet_dependencies = 0 AND j.set_aside_at IS NULL';
const IS_PRESENT = 'w.dead_at IS NULL AND w.stopped_at IS NULL';

/**
 * $1 the name to go on after, $2 how many, $3 names known from elsewhere. Queues with jobs are found by hopping along
 * jobs_unfinished, one probe each.
 */
const LIST_QUEUES = `
  WITH RECURSIVE hop (name) AS (
    (SELECT j.queue::text FROM jobs j WHERE ${UNFINISHED} AND j.queue > $1 ORDER BY j.queue LIMIT 1)
    UNION ALL
    SELECT (SELECT j.queue::text FROM jobs j WHERE ${UNFINISHED} AND j.queue > hop.name ORDER BY j.queue LIMIT 1)
      FROM hop WHERE hop.name IS NOT NULL
  )
  SELECT known.name FROM (
    (SELECT hop.name FROM hop WHERE hop.name IS NOT NULL LIMIT $2)
    UNION SELECT q.name::text FROM queues q
    UNION SELECT served.name FROM workers w CROSS JOIN LATERAL unnest(w.queues) AS served (name) WHERE ${IS_PRESENT}
    UNION SELECT other.name FROM unnest($3::text[]) AS other (name)) AS known
   WHERE known.name > $1 ORDER BY known.name LIMIT $2`;

/** Names of queues in order, those that `others` names among them. @throws PostgresError */
export async function listQueues(
  db: Database,
  after: string,
  limit: number,
  others: readonly string[],
): Promise<string[]> {
  const { rows } = await db.query<{ name: string }>(LIST_QUEUES, [after, limit, others]);
  return rows.map(({ name }) => name);
}

/** How many of the newest jobs, and of the blocked ones, are looked at for a name that nothing else knows. */
const NEWEST = 10_000;

const IS_KNOWN = `
  SELECT EXISTS (SELECT 1 FROM queues q WHERE q.name = $1)
      OR EXISTS (SELECT 1 FROM workers w WHERE $1 = ANY (w.queues))
      OR EXISTS (SELECT 1 FROM jobs j WHERE ${UNFINISHED} AND j.queue = $1)
      OR EXISTS (SELECT 1 FROM (SELECT queue FROM jobs ORDER BY id DESC LIMIT ${NEWEST}) newest WHERE newest.queue = $1)
      OR EXISTS (SELECT 1 FROM (SELECT queue FROM jobs WHERE unmet_dependencies > 0 AND completed_at IS NULL
                                 ORDER BY id LIMIT ${NEWEST}) blocked WHERE blocked.queue = $1) AS "isKnown"`;

/** Whether anything is known of a queue: its row, a worker, a job that is unfinished or among the newest. @throws PostgresError */
export async function isQueueKnown(db: Database, queue: string): Promise<boolean> {
  const { rows } = await db.query<{ isKnown: boolean }>(IS_KNOWN, [queue]);
  return rows[0]?.isKnown === true;
}
