import { messageOf } from '../../shared/errors.js';
import type { Installation } from '../../shared/installation.js';
import { SubmissionSearch } from '../../shared/jobs/submission-search.js';
import { createLoop, UNTIL_POKED_MS, type Loop } from '../../shared/time/loop.js';
import { unlessAborted } from '../../shared/time/unless-aborted.js';

/** How often to look for submitted jobs while announcements are not heard. */
export const LOOK_MS = 250;
const RETRY_MS = 1_000;
/** What was announced while nobody listened: a failover of the leader, or of PostgreSQL, takes less. */
const CATCH_UP_MS = 30_000;

/**
 * Looks for jobs that nobody pushed while their announcements are not heard, and once more when they are again. It must be
 * poked when that changes. Stops quickly also when PostgreSQL does not answer.
 */
export function createSearchLoop(installation: Installation, isHearing: () => boolean): Loop {
  let stopping = new AbortController();
  let search: SubmissionSearch | undefined;

  async function look(): Promise<number> {
    // Asked before the look: what is submitted after it is announced.
    const isLast = isHearing();
    search ??= new SubmissionSearch(installation, CATCH_UP_MS);
    await search.look();
    if (!isLast) return LOOK_MS;
    search = undefined;
    return UNTIL_POKED_MS;
  }

  const loop = createLoop({
    name: 'search for submitted jobs',
    runOnce: () => unlessAborted(stopping.signal, look()),
    onError: (error) => {
      if (stopping.signal.aborted) return;
      const what = 'coordinator: looking for submitted jobs failed, will be tried again';
      installation.logger.warn(what, { error: messageOf(error) });
    },
    retryMs: RETRY_MS,
  });

  return {
    ...loop,
    async start() {
      if (stopping.signal.aborted) stopping = new AbortController();
      await loop.start();
    },
    async stop() {
      stopping.abort();
      await loop.stop();
      search = undefined;
    },
  };
}
