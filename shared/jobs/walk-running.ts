import type { Database } from '../postgres/create-database.js';
import { LANE_START, readQueuesWithWork, type LanePosition } from './read-ready.js';

/** Of two million waiting jobs a page took 75 ms on a busy machine: far from the limit of a statement, however many wait. */
const PAGE = 20_000;
const IN_LANES = 'completed_at IS NULL AND unmet_dependencies = 0 AND set_aside_at IS NULL';
const RUNNING = `ARRAY(SELECT id FROM page WHERE status = 'running' AND worker_id IS NOT NULL)`;

const READ_LANES = `
  SELECT priority FROM generate_series(100, 0, -1) AS lane (priority)
   WHERE EXISTS (SELECT 1 FROM jobs j WHERE j.queue = $1 AND j.priority = lane.priority AND ${IN_LANES})`;

/** No row: the lane ends here. */
const READ_LANE_PAGE = `
  WITH page AS MATERIALIZED (
    SELECT id, status, worker_id, ready_at FROM jobs
     WHERE queue = $1 AND priority = $2 AND ${IN_LANES} AND (ready_at, id) > ($3::timestamptz, $4::bigint)
     ORDER BY ready_at, id LIMIT $5
  )
  SELECT ready_at::text AS "readyAt", id, ${RUNNING} AS running FROM page ORDER BY ready_at DESC, id DESC LIMIT 1`;

/** A dependency that was added to a job that runs. */
const READ_BLOCKED_PAGE = `
  WITH page AS MATERIALIZED (
    SELECT id, status, worker_id FROM jobs WHERE unmet_dependencies > 0 AND completed_at IS NULL AND id > $1 ORDER BY id LIMIT $2
  )
  SELECT id, ${RUNNING} AS running FROM page ORDER BY id DESC LIMIT 1`;

interface Page {
  readonly id: number;
  readonly running: readonly number[];
}

/**
 * The ids of jobs that are on record as run by a worker, by a walk through all unfinished ones: for each page of them those that run,
 * which may be none. @throws PostgresError
 */
export async function* walkRunning(db: Database, pageSize = PAGE): AsyncGenerator<readonly number[]> {
  for (const queue of await readQueuesWithWork(db)) yield* walkQueue(db, queue, pageSize);
  for (let after = 0; ;) {
    const page = (await db.query<Page>(READ_BLOCKED_PAGE, [after, pageSize])).rows[0];
    if (!page) return;
    yield page.running;
    after = page.id;
  }
}

async function* walkQueue(db: Database, queue: string, pageSize: number): AsyncGenerator<readonly number[]> {
  const { rows: lanes } = await db.query<{ priority: number }>(READ_LANES, [queue]);
  for (const { priority } of lanes) {
    for (let after = LANE_START; ;) {
      const values = [queue, priority, after.readyAt, after.id, pageSize];
      const page = (await db.query<Page & LanePosition>(READ_LANE_PAGE, values)).rows[0];
      if (!page) break;
      yield page.running;
      after = page;
    }
  }
}
