import type { Installation } from '../installation.js';
import { dispatchReadyOf } from './dispatch-jobs.js';

interface TouchedChild {
  readonly id: number;
  readonly isFinished: boolean;
  readonly hasDependents: boolean;
}

const RELEASE_DEPENDENTS = `
  SELECT job_id AS id, status IN ('completed', 'failed', 'cancelled') AS "isFinished", has_dependents AS "hasDependents"
    FROM release_dependents($1::bigint[])`;

/**
 * After the parents' commit: marks their edges as met, in pieces of 1,000, and dispatches the children that waited for
 * nothing else. Children that were cancelled with their parent release their own dependents in turn. Safe to repeat; the
 * sweep repeats it for whoever crashed in between.
 *
 * @throws PostgresError
 */
export async function releaseDependents(
  installation: Installation,
  parentIds: readonly number[],
): Promise<void> {
  let parents = [...parentIds];
  while (parents.length > 0) {
    const { rows: children } = await installation.db.query<TouchedChild>(RELEASE_DEPENDENTS, [parents]);
    await dispatchReadyOf(
      installation,
      children.filter((child) => !child.isFinished).map(({ id }) => id),
    );
    const cancelledParents = children
      .filter((child) => child.isFinished && child.hasDependents)
      .map(({ id }) => id);
    parents = children.length > 0 ? [...new Set([...parents, ...cancelledParents])] : [];
  }
}
