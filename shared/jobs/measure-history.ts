import type { Database } from '../postgres/create-database.js';

export interface Throughput {
  /** Jobs completed. */
  readonly lastHour: number;
  readonly last24h: number;
  readonly isExact: boolean;
}

/** Of a sample of the last hour's attempts: all of them, unless there were very many. */
export interface AttemptStatistics {
  readonly jobType: string | null;
  readonly attempts: number;
  readonly failures: number;
  readonly averageMs: number | null;
  readonly p95Ms: number | null;
}

const CAP = 100_000;
const SAMPLE = 10_000;
const MOST_TYPES = 100;

/** The BRIN on finished_at leads to the right part of the table; the limit bounds what is read there. */
const FIND_COMPLETED = `
  SELECT 1 FROM job_executions
   WHERE finished_at > now() - $1 * interval '1 hour' AND status = 'completed' LIMIT ${CAP + 1}`;

const SAMPLE_ATTEMPTS = `
  WITH sample AS MATERIALIZED (
    SELECT job_id, duration_ms, status = 'completed' AS is_completed FROM job_executions
     WHERE finished_at > now() - interval '1 hour' AND status IN ('completed', 'failed', 'timed_out', 'lost') LIMIT ${SAMPLE}
  )
  SELECT j.job_type AS "jobType", count(*) AS attempts, count(*) FILTER (WHERE NOT s.is_completed) AS failures,
         avg(s.duration_ms)::float8 AS "averageMs",
         percentile_cont(0.95) WITHIN GROUP (ORDER BY s.duration_ms) AS "p95Ms"
    FROM sample s JOIN jobs j ON j.id = s.job_id
   GROUP BY GROUPING SETS ((), (j.job_type)) ORDER BY grouping(j.job_type) DESC, attempts DESC LIMIT ${MOST_TYPES + 1}`;

/** @throws PostgresError */
export async function measureThroughput(db: Database): Promise<Throughput> {
  const lastHour = await countCompleted(db, 1);
  const last24h = await countCompleted(db, 24);
  return {
    lastHour: lastHour.count,
    last24h: Math.max(last24h.count, lastHour.count),
    isExact: lastHour.isExact && last24h.isExact,
  };
}

/** Attempts that completed in the last so many hours; beyond the cap, what the planner makes of it. @throws PostgresError */
export async function countCompleted(
  db: Database,
  hours: number,
): Promise<{ readonly count: number; readonly isExact: boolean }> {
  const { rows } = await db.query<{ count: number }>(
    `SELECT count(*) AS count FROM (${FIND_COMPLETED}) AS completed`,
    [hours],
  );
  const count = rows[0]?.count ?? 0;
  if (count <= CAP) return { count, isExact: true };
  const { rows: plans } = await db.query<{
    'QUERY PLAN': [{ Plan: { Plans?: { 'Plan Rows': number }[] } }];
  }>(`EXPLAIN (FORMAT JSON) ${FIND_COMPLETED}`, [hours]);
  // Below the Limit stands the planner's estimate of them all.
  const estimate = plans[0]?.['QUERY PLAN'][0].Plan.Plans?.[0]?.['Plan Rows'] ?? 0;
  return { count: Math.max(count, estimate), isExact: false };
}

/** The first one, without a job type, is over all. @throws PostgresError */
export async function measureAttempts(db: Database): Promise<AttemptStatistics[]> {
  const { rows } = await db.query<AttemptStatistics>(SAMPLE_ATTEMPTS);
  return rows;
}
