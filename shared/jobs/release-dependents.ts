import type { Installation } from '../installation.js';
import { lockTimeout } from '../postgres/lock-timeout.js';
import { actApart } from './act-apart.js';
import { dispatchReadyOf } from './dispatch-jobs.js';

interface TouchedChild {
  readonly id: number;
  readonly isFinished: boolean;
  readonly hasDependents: boolean;
}

const PIECE = 1_000;
/** Parents that are looked at together: each may have a piece's worth of children, of which one piece is taken. */
const GROUP = 100;

/** SQL: the trigger on jobs leaves the next generation to us, so that a statement stays within its piece. */
export const RELEASED_BY_CALLER = `(SELECT set_config('holdfast.released_by', 'caller', true)) IS NOT NULL`;

const RELEASE_DEPENDENTS = `
  SELECT job_id AS id, status IN ('completed', 'failed', 'cancelled') AS "isFinished", has_dependents AS "hasDependents"
    FROM release_dependents($1::bigint[], ${PIECE}, $2::bigint) WHERE ${RELEASED_BY_CALLER} AND ${lockTimeout('300ms')}`;

/**
 * After the parents' commit: marks their edges as met, in pieces of 1,000, and dispatches the children that waited for
 * nothing else. Children that were cancelled with their parent release their own dependents in turn. Safe to repeat; the
 * sweep repeats it for whoever crashed in between.
 *
 * @throws PostgresError; `lock_conflict` when another transaction holds a child
 */
export async function releaseDependents(
  installation: Installation,
  parentIds: readonly number[],
): Promise<void> {
  let parents = [...new Set(parentIds)];
  while (parents.length > 0) {
    const cancelled = new Set<number>();
    for (let start = 0; start < parents.length; start += GROUP)
      await releaseGroup(installation, parents.slice(start, start + GROUP), cancelled);
    parents = [...cancelled];
  }
}

/** The same; parents that somebody stands in the way of are left out, and told of. @throws PostgresError `unavailable` */
export async function releaseDependentsApart(
  installation: Installation,
  parentIds: readonly number[],
  onRefused: (parentId: number, error: unknown) => void,
): Promise<void> {
  const release = async (ids: readonly number[]) => {
    await releaseDependents(installation, ids);
    return [];
  };
  await actApart(parentIds, release, onRefused);
}

/** Walks these parents' children in the order of their ids; notes those that are parents of others, and were cancelled. */
async function releaseGroup(
  installation: Installation,
  parents: readonly number[],
  cancelled: Set<number>,
): Promise<void> {
  for (let fromChild = 0; ;) {
    const { rows: children } = await installation.db.query<TouchedChild>(RELEASE_DEPENDENTS, [
      parents,
      fromChild,
    ]);
    if (children.length === 0) return;
    const waiting = children.filter(({ isFinished }) => !isFinished).map(({ id }) => id);
    await dispatchReadyOf(installation, waiting);
    for (const { id, isFinished, hasDependents } of children)
      if (isFinished && hasDependents) cancelled.add(id);
    fromChild = children.reduce((last, { id }) => Math.max(last, id), fromChild);
  }
}
