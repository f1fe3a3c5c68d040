import { hasCode, HoldfastError, type FieldProblem } from '../shared/errors.js';
import { findMissing } from '../shared/jobs/follow-jobs.js';
import type { Dependency, DependencyPolicy } from '../shared/jobs/new-job.js';
import type { Database } from '../shared/postgres/create-database.js';

/** A parent as requests name it. */
type GivenDependency =
  number | { readonly job_id: number; readonly on_failure?: DependencyPolicy | null | undefined };

export const toDependencies = (given: readonly GivenDependency[]): Dependency[] =>
  given.map((one) =>
    typeof one === 'number'
      ? { jobId: one }
      : { jobId: one.job_id, ...(one.on_failure ? { onFailure: one.on_failure } : {}) },
  );

interface WithParents {
  /** Before the names of its fields. */
  readonly prefix: string;
  readonly depends_on?: readonly GivenDependency[] | null | undefined;
}

/** A submit failed because some parent does not exist: says which one of which job. Other errors stay as they are. */
export async function nameMissingParents(
  db: Database,
  jobs: readonly WithParents[],
  error: unknown,
): Promise<unknown> {
  if (!hasCode(error, 'validation_failed') || (error as HoldfastError).details[0]?.field !== 'depends_on')
    return error;
  const parents = jobs.flatMap(({ prefix, depends_on: given }) =>
    (given ?? []).map((one, index) => ({
      field: `${prefix}depends_on.${index}`,
      id: typeof one === 'number' ? one : one.job_id,
    })),
  );
  const missing = await findMissing(
    db,
    parents.map(({ id }) => id),
  );
  const details: FieldProblem[] = parents
    .filter(({ id }) => missing.has(id))
    .map(({ field, id }) => ({ field, problem: `there is no job ${id}` }));
  const [first] = details;
  if (!first) return error;
  return new HoldfastError('validation_failed', `${first.field}: ${first.problem}`, {
    cause: error,
    details: details.slice(0, 100),
  });
}
