import { forgetCancelRequests, readCancelRequests } from '../shared/jobs/cancel-job.js';
import { recordProgress } from '../shared/jobs/record-progress.js';
import { createLoop, UNTIL_POKED_MS, type Loop } from '../shared/time/loop.js';
import type { Installation } from '../shared/installation.js';
import type { RunningAttempts } from './running-attempts.js';

const INTERVAL_MS = 500;

/**
 * Twice a second, while the process is busy: aborts what was cancelled and writes the progress that was reported. It must be
 * poked when that changes.
 */
export function createAttemptWatch(
  installation: Installation,
  workerId: string,
  running: RunningAttempts,
  { graceMs, isBusy }: { readonly graceMs: number; readonly isBusy: () => boolean },
): Loop {
  /** A request for an attempt that is not known yet stays: its claim has committed, and its reply is on the way. */
  async function deliverCancels(): Promise<void> {
    const requests = await readCancelRequests(installation.db, workerId);
    const done = requests.filter(({ jobId, attempt, isStale }) => {
      const attempted = running.find({ id: jobId, attempt });
      attempted?.abort('cancelled', graceMs);
      // One that has not begun never will.
      const wasExpected = running.dropExpected({ id: jobId, attempt });
      return attempted !== undefined || wasExpected || isStale;
    });
    if (done.length > 0) await forgetCancelRequests(installation.db, workerId, done);
  }

  async function runOnce(): Promise<number> {
    if (!isBusy()) return UNTIL_POKED_MS;
    if (running.size === 0) return INTERVAL_MS;
    await deliverCancels();
    const reports = [];
    for (const attempt of running.all()) {
      if (attempt.unsavedProgress === undefined) continue;
      reports.push({ id: attempt.job.id, attempt: attempt.job.attempt, percent: attempt.unsavedProgress });
      attempt.unsavedProgress = undefined;
    }
    if (reports.length > 0) await recordProgress(installation.db, workerId, reports);
    return INTERVAL_MS;
  }

  // PostgreSQL is away, or a row is held: the next round asks again.
  return createLoop({ name: 'attempt watch', runOnce, onError: () => undefined, retryMs: INTERVAL_MS });
}
