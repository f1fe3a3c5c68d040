import { HoldfastError } from '../errors.js';
import type { Installation } from '../installation.js';
import { lockTimeout } from '../postgres/lock-timeout.js';
import { isPostgresError } from '../postgres/postgres-error.js';
import type { QueryTarget } from '../postgres/query-target.js';
import { dispatchReadyOf } from './dispatch-jobs.js';
import { insertDependencies } from './insert-dependencies.js';
import type { JobStatus } from './job-state.js';
import type { Dependency } from './new-job.js';

/** Locked, so that no worker claims it in between. */
const LOCK_JOB = `
  SELECT status FROM jobs
   WHERE id = $1 AND ${lockTimeout('1s')} FOR NO KEY UPDATE`;

/** A transaction that gave way to somebody else's lock stored nothing: it is done again. */
const MOST_TRIES = 5;

/**
 * Makes a pending job wait for further jobs. Of one that is there already nothing changes, its policy neither.
 *
 * @throws HoldfastError `not_found`; `not_pending` when it runs or has finished; `validation_failed` when a parent does not exist;
 *   `dependency_cycle` naming the jobs that would wait for each other; `busy` when other transactions hold the jobs
 */
export async function addDependencies(
  installation: Installation,
  id: number,
  dependsOn: readonly Dependency[],
): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await installation.db.transaction((tx) => addIn(tx, id, dependsOn));
      break;
    } catch (error) {
      if (!isPostgresError(error, 'lock_conflict')) throw error;
      if (tries < MOST_TRIES) continue;
      const what = `job ${id}, or one it shall wait for, is locked by another transaction; try again`;
      throw new HoldfastError('busy', what, { cause: error });
    }
  }
  // All of them may have been done already, and its id have been dropped by a worker that met the lock.
  await dispatchReadyOf(installation, [id]).catch(() => undefined);
}

async function addIn(tx: QueryTarget, id: number, dependsOn: readonly Dependency[]): Promise<void> {
  const { rows } = await tx.query(LOCK_JOB, [id]);
  const [job] = rows as { status: JobStatus }[];
  if (!job) throw new HoldfastError('not_found', `there is no job ${id}`);
  if (job.status !== 'pending') {
    const what = `job ${id} is ${job.status}; only a pending job can be made to wait`;
    throw new HoldfastError('not_pending', what);
  }
  await insertDependencies(tx, [{ id, dependsOn }]);
}
