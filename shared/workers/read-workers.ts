import { HoldfastError } from '../errors.js';
import { groupBy } from '../group-by.js';
import type { Database } from '../postgres/create-database.js';

export const WORKER_STATUSES = ['alive', 'silent', 'dead', 'stopped'] as const;

/** silent: the heartbeat is overdue, but nobody declared it dead yet. stopped: it left in good order. */
export type WorkerStatus = (typeof WORKER_STATUSES)[number];

export interface RunningJob {
  readonly jobId: number;
  readonly jobType: string;
  readonly queue: string;
  readonly attempt: number;
  readonly startedAt: Date;
}

/** One incarnation of a worker process. */
export interface WorkerReading {
  readonly workerId: string;
  readonly status: WorkerStatus;
  readonly hostname: string;
  readonly pid: number;
  readonly version: string;
  readonly queues: readonly string[];
  readonly jobTypes: readonly string[];
  /** Jobs that it may run at once, over all its queues. */
  readonly concurrency: number;
  readonly startedAt: Date;
  readonly lastSeenAt: Date;
  readonly deadAt: Date | null;
  readonly stoppedAt: Date | null;
  /** What it runs, the longest first; not more than MOST_RUNNING_LISTED in a list. */
  readonly running: readonly RunningJob[];
  readonly runningCount: number;
}

export interface WorkerRequest {
  readonly status?: WorkerStatus | undefined;
  /** The last worker of the page before. */
  readonly cursor?: string | undefined;
  readonly limit: number;
}

/** Of one worker's running jobs, in a list and by itself. */
export const MOST_RUNNING_LISTED = 100;
const MOST_RUNNING = 10_000;

const COLUMNS = `w.id AS "workerId", w.hostname, w.pid, w.version, w.queues, w.job_types AS "jobTypes", w.concurrency,
  w.started_at AS "startedAt", w.last_seen_at AS "lastSeenAt", w.dead_at AS "deadAt", w.stopped_at AS "stoppedAt", w.status`;

/** Those that are there before those that are gone, the newest first. */
const KNOWN = `
  SELECT *, CASE WHEN stopped_at IS NOT NULL THEN 'stopped' WHEN dead_at IS NOT NULL THEN 'dead'
                 WHEN last_seen_at < now() - dead_after_ms * interval '1 millisecond' THEN 'silent' ELSE 'alive' END AS status,
         dead_at IS NOT NULL OR stopped_at IS NOT NULL AS is_gone, -date_part('epoch', started_at) AS newness
    FROM workers`;

/** $1 status, $2 cursor, $3 limit. */
const LIST_WORKERS = `
  WITH known AS (${KNOWN})
  SELECT ${COLUMNS} FROM known w
   WHERE ($1::text IS NULL OR w.status = $1)
     AND ($2::text IS NULL OR (w.is_gone, w.newness, w.id) > (SELECT c.is_gone, c.newness, c.id FROM known c WHERE c.id = $2))
   ORDER BY w.is_gone, w.newness, w.id LIMIT $3`;

const READ_WORKER = `WITH known AS (${KNOWN}) SELECT ${COLUMNS} FROM known w WHERE w.id = $1`;

const IS_WORKER = 'SELECT 1 FROM workers WHERE id = $1';

/** $1 workers, $2 jobs of each at most. By their claims and the primary key: jobs.worker_id has no index. */
const READ_RUNNING = `
  SELECT * FROM (
    SELECT j.worker_id AS "workerId", j.id AS "jobId", j.job_type AS "jobType", j.queue, j.attempt, j.started_at AS "startedAt",
           count(*) OVER (PARTITION BY j.worker_id) AS "runningCount",
           row_number() OVER (PARTITION BY j.worker_id ORDER BY j.started_at, j.id) AS place
      FROM jobs j
     WHERE j.id = ANY (ARRAY(SELECT owned.id FROM claim_batches b CROSS JOIN LATERAL unnest(b.job_ids) AS owned (id)
                              WHERE b.worker_id = ANY ($1::text[])))
       AND j.status = 'running' AND j.worker_id = ANY ($1::text[])) run
   WHERE run.place <= $2 ORDER BY run."workerId", run.place`;

type WorkerRow = Omit<WorkerReading, 'running' | 'runningCount'>;
type RunRow = RunningJob & { readonly workerId: string; readonly runningCount: number };

/**
 * A page of workers with what each of them runs. Those that are gone are known for a day.
 *
 * @throws HoldfastError `validation_failed` when there is no such worker as the cursor names; PostgresError
 */
export async function readWorkers(
  db: Database,
  { status, cursor, limit }: WorkerRequest,
): Promise<{ workers: WorkerReading[]; hasMore: boolean }> {
  if (cursor !== undefined) await checkCursor(db, cursor);
  const values = [status ?? null, cursor ?? null, limit + 1];
  const { rows } = await db.query<WorkerRow>(LIST_WORKERS, values);
  const shown = rows.slice(0, limit);
  return { workers: await withRunning(db, shown, MOST_RUNNING_LISTED), hasMore: rows.length > limit };
}

/** One worker with all that it runs; null when there is none of that id. @throws PostgresError */
export async function readWorker(db: Database, workerId: string): Promise<WorkerReading | null> {
  const { rows } = await db.query<WorkerRow>(READ_WORKER, [workerId]);
  return (await withRunning(db, rows, MOST_RUNNING))[0] ?? null;
}

async function checkCursor(db: Database, cursor: string): Promise<void> {
  const { rows } = await db.query(IS_WORKER, [cursor]);
  if (rows.length > 0) return;
  const problem = 'must be the id of a worker that is known';
  throw new HoldfastError('validation_failed', `cursor: ${problem}`, {
    details: [{ field: 'cursor', problem }],
  });
}

async function withRunning(
  db: Database,
  workers: readonly WorkerRow[],
  most: number,
): Promise<WorkerReading[]> {
  if (workers.length === 0) return [];
  const ids = workers.map(({ workerId }) => workerId);
  const { rows } = await db.query<RunRow>(READ_RUNNING, [ids, most]);
  const byWorker = groupBy(rows, ({ workerId }) => workerId);
  return workers.map((worker) => {
    const runs = byWorker.get(worker.workerId) ?? [];
    const running = runs.map(({ jobId, jobType, queue, attempt, startedAt }) => {
      return { jobId, jobType, queue, attempt, startedAt };
    });
    return { ...worker, running, runningCount: runs[0]?.runningCount ?? 0 };
  });
}
