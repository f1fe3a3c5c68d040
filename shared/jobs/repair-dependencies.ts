import type { Installation } from '../installation.js';
import { releaseDependents } from './release-dependents.js';

/** Parents that are done while an edge to them still waits: whoever settled them crashed before the release. */
const READ_UNRELEASED_PARENTS = `
  SELECT DISTINCT d.depends_on_job_id AS id
    FROM jobs c JOIN job_dependencies d ON d.job_id = c.id JOIN jobs p ON p.id = d.depends_on_job_id
   WHERE c.unmet_dependencies > 0 AND c.completed_at IS NULL AND d.satisfied_at IS NULL
     AND (p.status = 'completed' OR (p.status IN ('failed', 'cancelled') AND d.on_failure <> 'block'))
     AND p.completed_at < now() - interval '5 seconds'
   LIMIT 1000`;

/** Finishes releases that a crash cut short. Safe to repeat, and nothing to do as a rule. @throws PostgresError */
export async function repairDependencies(installation: Installation): Promise<void> {
  const { rows: parents } = await installation.db.query<{ id: number }>(READ_UNRELEASED_PARENTS);
  await releaseDependents(
    installation,
    parents.map(({ id }) => id),
  );
}
