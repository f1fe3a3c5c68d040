import { HoldfastError } from '../errors.js';
import type { QueryTarget } from '../postgres/query-target.js';
import type { Dependency } from './new-job.js';

const INSERT_DEPENDENCIES = `
  INSERT INTO job_dependencies (job_id, depends_on_job_id, on_failure)
  SELECT d.child, d.parent, d.on_failure
    FROM json_to_recordset($1::json) AS d (child bigint, parent bigint, on_failure dependency_policy)
  ON CONFLICT DO NOTHING`;

/** Edges in one statement: what its trigger locks and counts takes some 20 ms. */
const PIECE = 1_000;
const MOST_NAMED = 20;

export interface JobDependencies {
  readonly id: number;
  readonly dependsOn: readonly Dependency[] | undefined;
}

interface Edge {
  readonly child: number;
  readonly parent: number;
  readonly on_failure: string;
}

/**
 * Inserts the edges of all the jobs, those to the oldest parents first, so that the trigger locks the parents in the order of
 * their ids: two submits that depend on the same jobs wait for each other, and never deadlock.
 *
 * @throws HoldfastError `validation_failed` when a parent does not exist, `dependency_cycle` when jobs would wait for each
 *   other
 */
export async function insertDependencies(
  target: QueryTarget,
  jobs: readonly JobDependencies[],
): Promise<void> {
  const edges = jobs.flatMap(({ id, dependsOn = [] }) =>
    dependsOn.map(({ jobId, onFailure = 'block' }) => ({ child: id, parent: jobId, on_failure: onFailure })),
  );
  edges.sort((a, b) => a.parent - b.parent || a.child - b.child);
  for (let start = 0; start < edges.length; start += PIECE) {
    await insertPiece(target, edges.slice(start, start + PIECE));
  }
}

async function insertPiece(target: QueryTarget, edges: readonly Edge[]): Promise<void> {
  try {
    await target.query(INSERT_DEPENDENCIES, [JSON.stringify(edges)]);
  } catch (error) {
    throw explain(edges, error);
  }
}

/** Of a caller's own transaction, the driver's error comes as it is. */
function explain(edges: readonly Edge[], cause: unknown): unknown {
  const { constraint, message = '' } = cause as { constraint?: string; message?: string };
  if (constraint === 'job_dependencies_depends_on_job_id_fkey') {
    const parents = [...new Set(edges.map(({ parent }) => parent))];
    const more = parents.length > MOST_NAMED ? ` and ${parents.length - MOST_NAMED} more` : '';
    const problem = `no such job among ${parents.slice(0, MOST_NAMED).join(', ')}${more}`;
    const details = [{ field: 'depends_on', problem }];
    return new HoldfastError('validation_failed', `depends_on: ${problem}`, { cause, details });
  }
  if (constraint === 'job_dependencies_no_circle' || constraint === 'job_dependencies_not_on_itself') {
    const problem =
      constraint === 'job_dependencies_no_circle' ? message : `job ${edges[0]?.child} would wait for itself`;
    const details = [{ field: 'depends_on', problem }];
    return new HoldfastError('dependency_cycle', `depends_on: ${problem}`, { cause, details });
  }
  return cause;
}
