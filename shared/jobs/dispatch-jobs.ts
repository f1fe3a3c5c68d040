import { groupBy } from '../group-by.js';
import type { Installation } from '../installation.js';
import type { Lanes } from '../redis/lanes.js';
import { SUSPECT_AFTER_LOSSES } from './job-state.js';

export interface DispatchableJob {
  readonly id: number;
  readonly queue: string;
  readonly priority: number;
  readonly lostCount?: number;
}

/** Puts the ids of jobs of one queue on their lanes. @throws when Redis is away, or full */
export async function pushJobs(
  lanes: Lanes,
  queue: string,
  jobs: readonly DispatchableJob[],
  end: 'back' | 'front' = 'back',
): Promise<void> {
  const entries = jobs.map(({ id, priority, lostCount = 0 }) => ({
    id,
    priority,
    isSuspect: lostCount >= SUSPECT_AFTER_LOSSES,
  }));
  await lanes.push(queue, entries, end);
}

/**
 * Puts ready jobs' ids on their lanes. A hint, after the commit: a failure is counted and logged, never thrown, since
 * polls and the sweep find what Redis did not carry. Resolves when Redis has answered; few callers need to wait.
 */
export async function dispatchJobs(
  { lanes, events }: Installation,
  jobs: readonly DispatchableJob[],
  end: 'back' | 'front' = 'back',
): Promise<void> {
  if (!lanes || jobs.length === 0) return;
  const byQueue = groupBy(jobs, (job) => job.queue);
  await Promise.all(
    [...byQueue].map(([queue, ofQueue]) =>
      pushJobs(lanes, queue, ofQueue, end).catch((error: unknown) =>
        events.emit('dispatchFailed', { queue, count: ofQueue.length, error: lanes.reasonOf(error) }),
      ),
    ),
  );
}

const FIND_READY = `
  SELECT id, queue, priority, lost_count AS "lostCount" FROM jobs
   WHERE id = ANY ($1::bigint[]) AND status = 'pending' AND unmet_dependencies = 0
     AND (scheduled_at IS NULL OR scheduled_at <= now())
     AND queue <> ALL (ARRAY(SELECT name FROM queues WHERE paused_at IS NOT NULL))
   ORDER BY ready_at, id`;

/** Dispatches those of these jobs that are ready. Throws only when PostgreSQL does. */
export async function dispatchReadyOf(
  installation: Installation,
  ids: readonly number[],
  end?: 'back' | 'front',
): Promise<number> {
  if (ids.length === 0) return 0;
  const { rows } = await installation.db.query<DispatchableJob>(FIND_READY, [ids]);
  await dispatchJobs(installation, rows, end);
  return rows.length;
}
