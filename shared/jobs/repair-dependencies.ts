import { messageOf } from '../errors.js';
import type { Installation } from '../installation.js';
import { findParentsOfHeld } from './find-held.js';
import { releaseDependentsApart } from './release-dependents.js';

const PAGE = 1_000;

/** Parents that are done while an edge to them still waits: whoever settled them crashed before the release. */
const READ_UNRELEASED_PARENTS = `
  SELECT DISTINCT d.depends_on_job_id AS id
    FROM jobs c JOIN job_dependencies d ON d.job_id = c.id JOIN jobs p ON p.id = d.depends_on_job_id
   WHERE c.unmet_dependencies > 0 AND c.completed_at IS NULL AND d.satisfied_at IS NULL
     AND (p.status = 'completed' OR (p.status IN ('failed', 'cancelled') AND d.on_failure <> 'block'))
     AND p.completed_at < now() - interval '5 seconds' AND d.depends_on_job_id > $1
   ORDER BY 1 LIMIT ${PAGE}`;

/**
 * Finishes releases that a crash cut short. Safe to repeat, and nothing to do as a rule. Those that somebody stands in the way of are for
 * the next time.
 *
 * @throws PostgresError
 */
export async function repairDependencies(installation: Installation): Promise<void> {
  for (let after = 0; ;) {
    const { rows } = await installation.db.query<{ id: number }>(READ_UNRELEASED_PARENTS, [after]);
    const parents = rows.map(({ id }) => id);
    await releaseFree(installation, parents);
    if (parents.length < PAGE) return;
    after = parents.at(-1) as number;
  }
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
