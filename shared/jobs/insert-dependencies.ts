import { HoldfastError } from '../errors.js';
import type { QueryTarget } from '../postgres/query-target.js';
import type { NewJob } from './new-job.js';

const INSERT_DEPENDENCIES = `
  INSERT INTO job_dependencies (job_id, depends_on_job_id, on_failure)
  SELECT d.child, d.parent, d.on_failure
    FROM json_to_recordset($1::json) AS d (child bigint, parent bigint, on_failure dependency_policy)
  ON CONFLICT DO NOTHING`;

/**
 * Inserts the edges of all the jobs in one statement, so that its trigger locks all the parents in the order of their ids:
 * two submits that depend on the same jobs wait for each other, and never deadlock.
 *
 * @throws HoldfastError `validation_failed` when a parent does not exist
 */
export async function insertDependencies(
  target: QueryTarget,
  jobs: readonly { readonly id: number; readonly dependsOn: NewJob['dependsOn'] }[],
): Promise<void> {
  const edges = jobs.flatMap(({ id, dependsOn = [] }) =>
    dependsOn.map(({ jobId, onFailure = 'block' }) => ({ child: id, parent: jobId, on_failure: onFailure })),
  );
  if (edges.length === 0) return;
  try {
    await target.query(INSERT_DEPENDENCIES, [JSON.stringify(edges)]);
  } catch (error) {
    if ((error as { constraint?: string }).constraint !== 'job_dependencies_depends_on_job_id_fkey')
      throw error;
    const problem = `no such job among ${[...new Set(edges.map(({ parent }) => parent))].join(', ')}`;
    throw new HoldfastError('validation_failed', `depends_on: ${problem}`, {
      cause: error,
      details: [{ field: 'depends_on', problem }],
    });
  }
}
