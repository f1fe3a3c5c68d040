import type { World } from '../world/world.js';
import { repeat, type Submitter } from '../load/submitter.js';
import { violationsOf, type Violation } from './violation.js';

/**
 * The longest that a ready job may wait while a worker is idle. One idle worker looks into PostgreSQL every second for what
 * has been ready for two, and another one takes that over within five; a half-open connection to it is given up after ten.
 */
export const LONGEST_WAIT_MS = 16_000;
const EVERY_MS = 500;
/** A look that comes this late tells that the whole machine stood still. */
const STALLED_MS = 2_000;

/** The oldest ready jobs that any worker may take at once (a suspect may have to wait for another one). */
const OLDEST_READY = `
  SELECT id FROM jobs
   WHERE completed_at IS NULL AND unmet_dependencies = 0 AND set_aside_at IS NULL AND queue = 'default'
     AND status = 'pending' AND ready_at <= now() AND lost_count < 2
   ORDER BY ready_at LIMIT 50`;
/** Live workers that have little to do, most of their slots free; one that runs a job which harms its process does not count. */
const IDLE_WORKERS = `
  SELECT w.pid
    FROM workers w LEFT JOIN claim_batches b ON b.worker_id = w.id LEFT JOIN jobs j
      ON j.id = ANY (b.job_ids) AND j.worker_id = w.id AND j.status = 'running'
   WHERE dead_at IS NULL AND stopped_at IS NULL
   GROUP BY w.id HAVING NOT COALESCE(bool_or(j.queue = 'risky'), false) AND count(j.id) < w.concurrency / 2`;

export interface WaitWatch {
  readonly longestMs: number;
  stop(): Promise<Violation[]>;
}

/** Looks, all the time, whether jobs wait although a worker that is up has nothing to do. */
export function watchWaits({ db, members }: World): WaitWatch {
  const since = new Map<number, number>();
  const tooLong = new Map<number, number>();
  let longestMs = 0;

  let lookedAt = Date.now();

  async function look(): Promise<void> {
    if (Date.now() - lookedAt > STALLED_MS) since.clear();
    lookedAt = Date.now();
    const isUp = new Set(members.filter(({ process }) => process.isUp).map(({ process }) => process.pid));
    const { rows: workers } = await db.query<{ pid: number }>(IDLE_WORKERS);
    const isSomebodyIdle = workers.some(({ pid }) => isUp.has(pid));
    const { rows: ready } = isSomebodyIdle ? await db.query<{ id: number }>(OLDEST_READY) : { rows: [] };
    const now = Date.now();
    const ids = new Set(ready.map(({ id }) => id));
    for (const id of since.keys()) if (!ids.has(id)) since.delete(id);
    for (const id of ids) {
      const waitedMs = now - (since.get(id) ?? now);
      if (waitedMs === 0) since.set(id, now);
      longestMs = Math.max(longestMs, waitedMs);
      if (waitedMs > LONGEST_WAIT_MS) tooLong.set(id, waitedMs);
    }
  }

  const loop: Submitter = repeat(EVERY_MS, () =>
    look().catch(() => {
      // PostgreSQL is away: nobody can be blamed for that, and waits begin anew.
      since.clear();
    }),
  );
  return {
    get longestMs() {
      return longestMs;
    },
    async stop() {
      await loop.stop();
      return violationsOf(
        `a ready job waited longer than ${LONGEST_WAIT_MS} ms while a worker was idle`,
        [...tooLong],
        ([id, ms]) => `job ${id}: ${ms} ms`,
      );
    },
  };
}
