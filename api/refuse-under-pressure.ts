import { HoldfastError } from '../shared/errors.js';

/** What a process does to start holds up its event loop, too: that is no pressure. */
const START_MS = 5_000;

/**
 * What to do with a request under pressure: from `START_MS` after this call on, to refuse it.
 *
 * @throws HoldfastError `overloaded`, what is returned
 */
export function refuseUnderPressure(now: () => number = () => performance.now()): () => Promise<void> {
  const startedMs = now() + START_MS;
  return async () => {
    if (now() < startedMs) return;
    throw new HoldfastError('overloaded', 'this process has more to do than it can; try again');
  };
}
