import { repeat } from '../../load/submitter.js';
import { followLedger } from '../../world/ledger.js';
import type { World } from '../../world/world.js';

const LOOK_MS = 2;

/** Tells when the handlers of jobs begin. */
export interface Beginnings {
  /** Resolves when a handler of the job has begun, within a few milliseconds. */
  of(jobId: number): Promise<void>;
  stop(): Promise<void>;
}

export function watchBeginnings({ ledgerPath }: World): Beginnings {
  const readOn = followLedger(ledgerPath);
  const begun = new Set<number>();
  const waiting = new Map<number, () => void>();
  const loop = repeat(LOOK_MS, async () => {
    for (const { jobId } of await readOn()) {
      begun.add(jobId);
      waiting.get(jobId)?.();
      waiting.delete(jobId);
    }
  });
  return {
    of: (jobId) =>
      begun.has(jobId)
        ? Promise.resolve()
        : new Promise((resolve) => {
            waiting.set(jobId, resolve);
          }),
    stop: () => loop.stop(),
  };
}
