import { HoldfastError } from '../errors.js';
import { isPostgresError } from '../postgres/postgres-error.js';

export const noSuchSchedule = (name: string) =>
  new HoldfastError('not_found', `there is no schedule "${name}"`);

/** For the statements of one schedule: somebody else's open transaction holds it, or the next job's id was given by hand. */
export function explainBusy(name: string, error: unknown): unknown {
  if (!isPostgresError(error, 'lock_conflict', 'constraint')) return error;
  if (error.kind === 'constraint' && error.constraint !== 'jobs_pkey') return error;
  const what =
    error.kind === 'constraint'
      ? 'nothing was stored: the next id of table jobs was given to a row by hand; try again'
      : `schedule "${name}" is locked by another transaction; try again`;
  return new HoldfastError('busy', what, { cause: error });
}
