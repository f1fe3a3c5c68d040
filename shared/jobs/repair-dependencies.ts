import { messageOf } from '../errors.js';
import type { Installation } from '../installation.js';
import { actApart } from './act-apart.js';
import { findParentsOfHeld } from './find-held.js';
import { releaseDependents } from './release-dependents.js';

/** Parents that are done while an edge to them still waits: whoever settled them crashed before the release. */
const READ_UNRELEASED_PARENTS = `
  SELECT DISTINCT d.depends_on_job_id AS id
    FROM jobs c JOIN job_dependencies d ON d.job_id = c.id JOIN jobs p ON p.id = d.depends_on_job_id
   WHERE c.unmet_dependencies > 0 AND c.completed_at IS NULL AND d.satisfied_at IS NULL
     AND (p.status = 'completed' OR (p.status IN ('failed', 'cancelled') AND d.on_failure <> 'block'))
     AND p.completed_at < now() - interval '5 seconds'
   LIMIT 1000`;

/** Finishes releases that a crash cut short. Safe to repeat, and nothing to do as a rule. Those that somebody stands in the way of are for the next time. @throws PostgresError */
export async function repairDependencies(installation: Installation): Promise<void> {
  const { db, logger } = installation;
  const { rows } = await db.query<{ id: number }>(READ_UNRELEASED_PARENTS);
  if (rows.length === 0) return;
  const parents = rows.map(({ id }) => id);
  const held = await findParentsOfHeld(db, parents);
  const release = async (ids: readonly number[]) => {
    await releaseDependents(installation, ids);
    return [];
  };
  await actApart(
    parents.filter((id) => !held.has(id)),
    release,
    (jobId, error) =>
      logger.warn('what waits for a job could not be released; trying again', {
        jobId,
        error: messageOf(error),
      }),
  );
}
