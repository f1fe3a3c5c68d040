import { HoldfastError } from '../../shared/errors.js';
import { within } from '../../shared/time/within.js';

/** A request waits for this before anything else is done for it. */
const PATIENCE_MS = 2_000;

/** @throws HoldfastError `postgres_unavailable` when it takes too long; whatever the question throws */
export const askForKeys = <T>(question: Promise<T>): Promise<T> =>
  within(
    PATIENCE_MS,
    question,
    () =>
      new HoldfastError('postgres_unavailable', 'PostgreSQL does not say now who may call this; try again'),
  );
