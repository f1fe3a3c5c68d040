import { takeCancelRequests } from '../shared/jobs/cancel-job.js';
import { recordProgress } from '../shared/jobs/record-progress.js';
import { createLoop, type Loop } from '../shared/time/loop.js';
import type { Installation } from '../shared/installation.js';
import type { RunningAttempts } from './running-attempts.js';

const INTERVAL_MS = 500;

/** Twice a second, while something runs: aborts what was cancelled and writes the progress that was reported. */
export function createAttemptWatch(
  installation: Installation,
  workerId: string,
  running: RunningAttempts,
  graceMs: number,
): Loop {
  async function runOnce(): Promise<number> {
    if (running.size === 0) return INTERVAL_MS;
    for (const request of await takeCancelRequests(installation.db, workerId)) {
      running.find({ id: request.jobId, attempt: request.attempt })?.abort('cancelled', graceMs);
    }
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
