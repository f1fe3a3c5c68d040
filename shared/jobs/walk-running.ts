import type { Database } from '../postgres/create-database.js';
import { LANE_START, type LanePosition } from './read-ready.js';

/** Of two million waiting jobs a page took 75 ms on a busy machine: far from the limit of a statement, however many wait. */
const PAGE = 20_000;
const UNFINISHED = 'completed_at IS NULL AND unmet_dependencies = 0 AND set_aside_at IS NULL';

const READ_LANES = `
  SELECT priority FROM generate_series(100, 0, -1) AS lane (priority)
   WHERE EXISTS (SELECT 1 FROM jobs j WHERE j.queue = $1 AND j.priority = lane.priority AND ${UNFINISHED})`;

/** No row: the lane ends here. */
const READ_PAGE = `
  WITH page AS MATERIALIZED (
    SELECT id, status, worker_id, ready_at FROM jobs
     WHERE queue = $1 AND priority = $2 AND ${UNFINISHED} AND (ready_at, id) > ($3::timestamptz, $4::bigint)
     ORDER BY ready_at, id LIMIT $5
  )
  SELECT ready_at::text AS "readyAt", id,
         ARRAY(SELECT id FROM page WHERE status = 'running' AND worker_id IS NOT NULL) AS running
    FROM page ORDER BY ready_at DESC, id DESC LIMIT 1`;

interface Page extends LanePosition {
  readonly running: number[];
}

/** The ids of a queue's jobs that are on record as run by a worker, by a walk along jobs_unfinished. @throws PostgresError */
export async function* walkRunning(
  db: Database,
  queue: string,
  pageSize = PAGE,
): AsyncGenerator<readonly number[]> {
  const { rows: lanes } = await db.query<{ priority: number }>(READ_LANES, [queue]);
  for (const { priority } of lanes) {
    for (let after = LANE_START; ;) {
      const values = [queue, priority, after.readyAt, after.id, pageSize];
      const page = (await db.query<Page>(READ_PAGE, values)).rows[0];
      if (!page) break;
      if (page.running.length > 0) yield page.running;
      after = page;
    }
  }
}
