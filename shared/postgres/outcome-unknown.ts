import { HoldfastError } from '../errors.js';
import { isPostgresError } from './postgres-error.js';

/** For a write that must not simply be repeated: its connection broke around COMMIT. Undefined: the error says something else. */
export function outcomeUnknown(error: unknown, what: string): HoldfastError | undefined {
  if (!isPostgresError(error, 'unavailable') || !error.wasSent) return undefined;
  return new HoldfastError('outcome_unknown', `the connection to PostgreSQL broke: ${what}`, {
    cause: error,
  });
}
