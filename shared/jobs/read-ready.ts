import type { Database } from '../postgres/create-database.js';
import type { DispatchableJob } from './dispatch-jobs.js';

/** A place in a lane's order. The time is PostgreSQL's own text: a Date has no microseconds. */
export interface LanePosition {
  readonly readyAt: string;
  readonly id: number;
}

export interface ReadyJob extends DispatchableJob, LanePosition {}

export const LANE_START: LanePosition = { readyAt: '-infinity', id: 0 };

const READY_COLUMNS = `j.id, j.queue, j.priority, j.lost_count AS "lostCount", j.ready_at::text AS "readyAt"`;
const READY_IN_LANE = `j.queue = $1 AND j.completed_at IS NULL AND j.unmet_dependencies = 0 AND j.set_aside_at IS NULL
  AND NOT EXISTS (SELECT 1 FROM queues q WHERE q.name = $1 AND q.paused_at IS NOT NULL)
  AND j.status = 'pending' AND ($2::text[] IS NULL OR j.job_type = ANY ($2::text[]))`;

/** The first ready job of each lane of a queue; one probe of jobs_unfinished a priority, from the watermark on. */
const READ_LANE_HEADS = `
  SELECT head.* FROM generate_series(100, 0, -1) AS lane (priority) CROSS JOIN LATERAL (
    SELECT ${READY_COLUMNS} FROM jobs j
     WHERE ${READY_IN_LANE} AND j.priority = lane.priority AND j.ready_at >= $3::timestamptz
       AND j.ready_at <= now() - $4 * interval '1 millisecond'
     ORDER BY j.ready_at, j.id LIMIT 1) head`;

export interface ReadyFilter {
  readonly queue: string;
  /** Null: of any type. */
  readonly jobTypes: readonly string[] | null;
  /** Only jobs that have been ready for this long. */
  readonly readyForMs: number;
}

export async function readLaneHeads(
  db: Database,
  filter: ReadyFilter,
  watermark: string,
): Promise<ReadyJob[]> {
  const { queue, jobTypes, readyForMs } = filter;
  const { rows } = await db.query<ReadyJob>(READ_LANE_HEADS, [queue, jobTypes, watermark, readyForMs]);
  return rows;
}

const READ_LANE_PAGE = `
  SELECT ${READY_COLUMNS} FROM jobs j
   WHERE ${READY_IN_LANE} AND j.priority = $3 AND (j.ready_at, j.id) > ($4::timestamptz, $5::bigint)
     AND (j.ready_at, j.id) < ($6::timestamptz, $7::bigint) AND j.ready_at <= now() - $8 * interval '1 millisecond'
   ORDER BY j.ready_at, j.id LIMIT $9`;

export const LANE_END: LanePosition = { readyAt: 'infinity', id: 0 };

/** A lane's ready jobs between two positions, both excluded, oldest first. */
export async function readLanePage(
  db: Database,
  { queue, jobTypes, readyForMs }: ReadyFilter,
  priority: number,
  range: { after: LanePosition; before: LanePosition; limit: number },
): Promise<ReadyJob[]> {
  const { after, before, limit } = range;
  const values = [
    queue,
    jobTypes,
    priority,
    after.readyAt,
    after.id,
    before.readyAt,
    before.id,
    readyForMs,
    limit,
  ];
  const { rows } = await db.query<ReadyJob>(READ_LANE_PAGE, values);
  return rows;
}

const READ_VALID = `
  SELECT ${READY_COLUMNS} FROM jobs j
   WHERE j.id = ANY ($1::bigint[]) AND j.queue = $2 AND j.status = 'pending' AND j.unmet_dependencies = 0
     AND (j.scheduled_at IS NULL OR j.scheduled_at <= now())`;

/** Which of these ids belong in a lane of the queue. */
export async function readValid(
  db: Database,
  queue: string,
  ids: readonly number[],
): Promise<Map<number, ReadyJob>> {
  const { rows } = await db.query<ReadyJob>(READ_VALID, [ids, queue]);
  return new Map(rows.map((job) => [job.id, job]));
}

export async function readWatermark(db: Database): Promise<string> {
  const { rows } = await db.query<{ watermark: string }>(
    `SELECT ready_watermark::text AS watermark FROM coordinator_lease WHERE name = 'coordinator'`,
  );
  return rows[0]?.watermark ?? '-infinity';
}

/**
 * Publishes where walks along jobs_unfinished may start. Running jobs count too: one that is released comes back with
 * the age it has. The margin is for transactions that submitted a while ago and commit only now; what is older still
 * is found when this runs again. Every lane's first live entry: dead entries are walked here, and only here.
 */
const PUBLISH_WATERMARK = `
  UPDATE coordinator_lease SET ready_watermark = LEAST(now(), (
    SELECT min(head.ready_at) FROM unnest($1::text[]) AS q (queue), generate_series(100, 0, -1) AS lane (priority)
     CROSS JOIN LATERAL (
       SELECT j.ready_at FROM jobs j
        WHERE j.queue = q.queue AND j.priority = lane.priority AND j.completed_at IS NULL AND j.unmet_dependencies = 0
          AND j.set_aside_at IS NULL
        ORDER BY j.ready_at, j.id LIMIT 1) head)) - interval '1 minute'
   WHERE name = 'coordinator' AND holder = $2`;

export async function publishWatermark(
  db: Database,
  queues: readonly string[],
  holder: string,
): Promise<void> {
  await db.query(PUBLISH_WATERMARK, [queues, holder]);
}

/** Every queue that has unfinished jobs, by hopping along the index. */
const READ_QUEUES = `
  WITH RECURSIVE hop (queue) AS (
    (SELECT j.queue FROM jobs j WHERE j.completed_at IS NULL AND j.unmet_dependencies = 0 AND j.set_aside_at IS NULL
      ORDER BY j.queue LIMIT 1)
    UNION ALL
    SELECT (SELECT j.queue FROM jobs j WHERE j.completed_at IS NULL AND j.unmet_dependencies = 0 AND j.set_aside_at IS NULL
               AND j.queue > hop.queue ORDER BY j.queue LIMIT 1)
      FROM hop WHERE hop.queue IS NOT NULL
  )
  SELECT queue FROM hop WHERE queue IS NOT NULL`;

export async function readQueuesWithWork(db: Database): Promise<string[]> {
  const { rows } = await db.query<{ queue: string }>(READ_QUEUES);
  return rows.map(({ queue }) => queue);
}
