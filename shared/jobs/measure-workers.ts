import type { Database } from '../postgres/create-database.js';

/** A worker that lives, or died within the last hour. silent: its heartbeat is overdue, but nobody declared it dead yet. */
export interface WorkerHealth {
  readonly workerId: string;
  readonly status: 'alive' | 'silent' | 'dead';
  readonly hostname: string;
  readonly pid: number;
  readonly version: string;
  readonly queues: readonly string[];
  readonly concurrency: number;
  readonly running: number;
  readonly startedAt: Date;
  readonly lastSeenAt: Date;
  readonly deadAt: Date | null;
}

/** What each runs is found by its claims and the primary key: jobs.worker_id has no index. */
const MEASURE_WORKERS = `
  SELECT w.id AS "workerId", w.hostname, w.pid, w.version, w.queues, w.concurrency, w.started_at AS "startedAt",
         w.last_seen_at AS "lastSeenAt", w.dead_at AS "deadAt",
         CASE WHEN w.dead_at IS NOT NULL THEN 'dead'
              WHEN w.last_seen_at < now() - w.dead_after_ms * interval '1 millisecond' THEN 'silent' ELSE 'alive' END AS status,
         (SELECT count(*) FROM claim_batches b CROSS JOIN LATERAL unnest(b.job_ids) AS owned (id)
            JOIN jobs j ON j.id = owned.id
           WHERE b.worker_id = w.id AND j.worker_id = w.id AND j.status = 'running') AS running
    FROM workers w
   WHERE w.stopped_at IS NULL AND (w.dead_at IS NULL OR w.dead_at > now() - interval '1 hour')
   ORDER BY w.dead_at IS NOT NULL, w.started_at DESC LIMIT 500`;

/** @throws PostgresError */
export async function measureWorkers(db: Database): Promise<WorkerHealth[]> {
  const { rows } = await db.query<WorkerHealth>(MEASURE_WORKERS);
  return rows;
}
