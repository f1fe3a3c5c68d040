import { messageOf } from '../errors.js';
import type { Installation } from '../installation.js';
import { findParentsOfHeld } from './find-held.js';
import { releaseDependentsApart } from './release-dependents.js';

/** Children that wait. One page of a million took 20 ms. */
const PAGE = 2_000;

/** Parents of a page of children that are done while the edge still waits: whoever settled them crashed before the release. */
const READ_UNRELEASED_PARENTS = `
  WITH page AS MATERIALIZED (
    SELECT id FROM jobs WHERE unmet_dependencies > 0 AND completed_at IS NULL AND id > $1 ORDER BY id LIMIT ${PAGE}
  )
  SELECT (SELECT max(id) FROM page) AS "lastId", (SELECT count(*) FROM page) AS children, ARRAY(
    SELECT DISTINCT p.id FROM page c JOIN job_dependencies d ON d.job_id = c.id JOIN jobs p ON p.id = d.depends_on_job_id
     WHERE d.satisfied_at IS NULL AND (p.status = 'completed' OR (p.status IN ('failed', 'cancelled') AND d.on_failure <> 'block'))
       AND p.completed_at < now() - interval '5 seconds' ORDER BY p.id) AS parents`;

interface Page {
  readonly lastId: number;
  readonly children: number;
  readonly parents: readonly number[];
}

/**
 * Finishes releases that a crash cut short, for a page of the jobs that wait for others. Safe to repeat, and nothing to do as a rule.
 * Those that somebody stands in the way of are for the next time.
 *
 * @param afterId where to begin; 0 for the first page
 * @returns where the next page begins, or null when this was the last. @throws PostgresError
 */
export async function repairDependencies(
  installation: Installation,
  afterId: number,
): Promise<number | null> {
  const { rows } = await installation.db.query<Page>(READ_UNRELEASED_PARENTS, [afterId]);
  const { lastId, children, parents } = rows[0] as Page;
  await releaseFree(installation, parents);
  return children < PAGE ? null : lastId;
}

async function releaseFree(installation: Installation, parents: readonly number[]): Promise<void> {
  if (parents.length === 0) return;
  const { db, logger } = installation;
  const held = await findParentsOfHeld(db, parents);
  const free = parents.filter((id) => !held.has(id));
  await releaseDependentsApart(installation, free, (jobId, error) =>
    logger.warn('what waits for a job could not be released; trying again', {
      jobId,
      error: messageOf(error),
    }),
  );
}
