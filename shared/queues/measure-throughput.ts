import { countCompleted } from '../jobs/measure-history.js';
import type { Database } from '../postgres/create-database.js';

/** Jobs of a queue that completed. */
export interface QueueThroughput {
  readonly lastMinute: number;
  readonly lastHour: number;
}

export interface ThroughputMeasure {
  readonly byQueue: ReadonlyMap<string, QueueThroughput>;
  readonly isExact: boolean;
}

/** Attempts whose jobs are looked at for their queue. Beyond it, a share of what is estimated of them all. */
const SAMPLE = 10_000;

/**
 * $1 hours. The BRIN on finished_at leads to the right part of the history, which does not know the queue; the job does. A
 * job completes once, so that jobs may be counted.
 */
const SAMPLE_COMPLETED = `
  SELECT j.queue, count(*) AS count FROM jobs j
   WHERE j.id = ANY (ARRAY(SELECT job_id FROM job_executions
                            WHERE finished_at > now() - $1 * interval '1 hour' AND status = 'completed' LIMIT ${SAMPLE + 1}))
   GROUP BY j.queue`;

/** @throws PostgresError */
export async function measureThroughput(db: Database): Promise<ThroughputMeasure> {
  const lastMinute = await countByQueue(db, 1 / 60);
  const lastHour = await countByQueue(db, 1);
  const queues = new Set([...lastMinute.counts.keys(), ...lastHour.counts.keys()]);
  const byQueue = new Map<string, QueueThroughput>();
  for (const queue of queues) {
    const inMinute = lastMinute.counts.get(queue) ?? 0;
    const inHour = lastHour.counts.get(queue) ?? 0;
    byQueue.set(queue, { lastMinute: inMinute, lastHour: Math.max(inHour, inMinute) });
  }
  return { byQueue, isExact: lastMinute.isExact && lastHour.isExact };
}

async function countByQueue(db: Database, hours: number) {
  const { rows } = await db.query<{ queue: string; count: number }>(SAMPLE_COMPLETED, [hours]);
  const seen = rows.reduce((sum, { count }) => sum + count, 0);
  const isExact = seen <= SAMPLE;
  const total = isExact ? seen : (await countCompleted(db, hours)).count;
  const counts = new Map(
    rows.map(({ queue, count }) => [queue, isExact ? count : Math.round((count / seen) * total)]),
  );
  return { counts, isExact };
}
