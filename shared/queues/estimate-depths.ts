import type { Database } from '../postgres/create-database.js';
import { capFor, countDue, type SeenDepth } from './count-depths.js';

/** Pages of the table that are looked at to tell how a backlog is shared among queues. */
const SAMPLE_PAGES = 2_000;
/** Scheduled jobs that are counted one by one. */
const MOST_SCHEDULED = 50_000;

const UNFINISHED = 'j.completed_at IS NULL AND j.unmet_dependencies = 0 AND j.set_aside_at IS NULL';

/** The size of jobs_unfinished as VACUUM and ANALYZE last saw it; and whose a sample of the table's pages is. */
const READ_SIZES = `
  SELECT GREATEST((SELECT reltuples FROM pg_class WHERE oid = to_regclass('jobs_unfinished')), 0)::float8 AS unfinished,
         (SELECT COALESCE(json_object_agg(sampled.queue, sampled.count), '{}')
            FROM (SELECT j.queue, count(*) AS count FROM jobs j TABLESAMPLE SYSTEM (
                    LEAST(100, 100.0 * ${SAMPLE_PAGES} * current_setting('block_size')::int / GREATEST(pg_relation_size('jobs'), 1)))
                   WHERE cardinality($1::text[]) > 1 AND j.queue = ANY ($1::text[]) AND ${UNFINISHED}
                   GROUP BY j.queue) sampled) AS sample`;

/** What runs is known from the claims. */
const COUNT_RUNNING = `
  SELECT j.queue, count(*) AS count FROM jobs j
   WHERE j.id = ANY (ARRAY(SELECT owned.id FROM claim_batches b CROSS JOIN LATERAL unnest(b.job_ids) AS owned (id)))
     AND j.status = 'running' AND j.queue = ANY ($1::text[])
   GROUP BY j.queue`;

const COUNT_SCHEDULED = `
  SELECT due.queue, count(*) AS count
    FROM (SELECT j.queue FROM jobs j WHERE j.scheduled_at > now() AND j.completed_at IS NULL
           ORDER BY j.scheduled_at, j.id LIMIT (SELECT ${MOST_SCHEDULED})) due
   WHERE due.queue = ANY ($1::text[]) GROUP BY due.queue`;

interface Sizes {
  readonly unfinished: number;
  readonly sample: Readonly<Record<string, number>>;
}

export interface EstimatedDepth {
  /** Or paused, as in SeenDepth. */
  readonly ready: number;
  readonly scheduled: number;
  readonly running: number;
  readonly oldestReadySeconds: number | null;
}

/**
 * For queues with more than was counted one by one: what is in the index of unfinished jobs besides `known`, shared out as a
 * sample of the table shares it.
 *
 * @throws PostgresError
 */
export async function estimateDepths(
  db: Database,
  queues: readonly string[],
  known: number,
): Promise<Map<string, EstimatedDepth>> {
  // Others left some of the effort over; with it, all that is due may be counted after all.
  const cap = capFor(queues.length, known);
  const due = await countDue(db, queues, cap);
  const running = await countBy(db, COUNT_RUNNING, queues);
  const scheduled = await countBy(db, COUNT_SCHEDULED, queues);
  const { rows } = await db.query<Sizes>(READ_SIZES, [queues]);
  const { unfinished, sample } = rows[0]!;
  const sampled = Object.values(sample).reduce((sum, count) => sum + count, 0);
  return new Map(
    queues.map((queue) => {
      // A sample in which there is none of them says nothing.
      const share = sampled > 0 ? (sample[queue] ?? 0) / sampled : 1 / queues.length;
      const total = Math.round((unfinished - known) * share);
      const counts = { running: running.get(queue) ?? 0, scheduled: scheduled.get(queue) ?? 0 };
      return [queue, splitUp(total, cap, due.get(queue), counts)];
    }),
  );
}

function splitUp(
  total: number,
  cap: number,
  due: SeenDepth | undefined,
  counts: { readonly running: number; readonly scheduled: number },
): EstimatedDepth {
  const oldestReadySeconds = due?.oldestReadySeconds ?? null;
  const { ready = 0, running = 0, seen = 0 } = due ?? {};
  // Right after a bulk load the statistics know nothing of it; what was seen is there.
  if (seen > cap)
    return {
      ...counts,
      ready: Math.max(total - counts.running - counts.scheduled, ready),
      oldestReadySeconds,
    };
  // All that is due was seen: the rest is for later.
  return { ready, running, scheduled: Math.max(total - seen, counts.scheduled), oldestReadySeconds };
}

async function countBy(
  db: Database,
  statement: string,
  queues: readonly string[],
): Promise<Map<string, number>> {
  const { rows } = await db.query<{ queue: string; count: number }>(statement, [queues]);
  return new Map(rows.map(({ queue, count }) => [queue, count]));
}
