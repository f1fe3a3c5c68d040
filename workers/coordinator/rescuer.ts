import type { Installation } from '../../shared/installation.js';
import { rescueJobs } from '../../shared/jobs/rescue-jobs.js';
import { rescueOwnerless } from '../../shared/jobs/rescue-ownerless.js';
import { UNTIL_POKED_MS, type Loop } from '../../shared/time/loop.js';
import { declareDeadWorkers, type TrustedTime } from '../../shared/workers/registry.js';
import { createAttempts, createDutyLoop } from './duty-loop.js';

const RESCUE_MS = 1_000;
/** How often the claims of all workers are looked at, and not only those of workers that went lately. */
const ALL_CLAIMS_MS = 30_000;

/** In between PostgreSQL has answered without a gap; undefined while it does not answer. */
export type Trusted = () => TrustedTime | undefined;

/**
 * Declares workers dead and makes their jobs ready again. After a gap in its answers PostgreSQL may be another server, that has not
 * heard of the latest commits.
 */
export function createRescuer(installation: Installation, holder: string, trusted: Trusted): Loop {
  let allClaimsAt = 0;
  const attemptAll = createAttempts(installation, 'a rescue');

  async function rescueOrphaned(): Promise<void> {
    const isForAll = performance.now() >= allClaimsAt;
    await rescueJobs(installation, isForAll ? 'ever' : 'lately');
    if (isForAll) allClaimsAt = performance.now() + ALL_CLAIMS_MS;
  }

  return createDutyLoop(installation, 'rescue', RESCUE_MS, async () => {
    const time = trusted();
    if (!time) return RESCUE_MS;
    await attemptAll(async (attempt) => {
      await attempt('dead workers', async () => {
        for (const workerId of await declareDeadWorkers(installation.db, time, holder))
          installation.events.emit('workerDied', { workerId });
      });
      await attempt('their jobs', rescueOrphaned);
    });
    return RESCUE_MS;
  });
}

/** Rescues jobs without an owner, once in each trusted time. It must be poked when another one has begun. */
export function createOwnerlessSearch(installation: Installation, trusted: Trusted): Loop {
  let searchedSince: string | undefined;
  return createDutyLoop(installation, 'rescue of jobs without an owner', RESCUE_MS, async () => {
    const time = trusted();
    if (!time) return RESCUE_MS;
    if (time.from === searchedSince) return UNTIL_POKED_MS;
    await rescueOwnerless(installation);
    searchedSince = time.from;
    return 0;
  });
}
