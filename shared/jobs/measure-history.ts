import type { Database } from '../postgres/create-database.js';

export interface Throughput {
  /** Jobs completed. */
  readonly lastHour: number;
  readonly last24h: number;
  readonly isExact: boolean;
}

/** Of the latest attempts. */
export interface Attempts {
  /** How far back they go: an hour, or less when more than 10,000 ended in it. Of more than that in ten seconds it is a sample. */
  readonly windowSeconds: number;
  /** The first one, without a job type, is over all. */
  readonly statistics: readonly AttemptStatistics[];
}

export interface AttemptStatistics {
  readonly jobType: string | null;
  readonly attempts: number;
  readonly failures: number;
  readonly averageMs: number | null;
  readonly p95Ms: number | null;
}

const CAP = 100_000;
const SAMPLE = 10_000;
/** Of an hour with very many attempts a sample would be of its beginning, and know nothing of what goes wrong now. */
const WINDOWS_SECONDS = [3_600, 600, 60, 10] as const;
const MOST_TYPES = 100;

/** The BRIN on finished_at leads to the right part of the table; the limit bounds what is read there. */
const FIND_COMPLETED = `
  SELECT 1 FROM job_executions
   WHERE finished_at > now() - $1 * interval '1 hour' AND status = 'completed' LIMIT ${CAP + 1}`;

const ENDED_WITHIN = `finished_at > now() - $1 * interval '1 second' AND status IN ('completed', 'failed', 'timed_out', 'lost')`;

const COUNT_ATTEMPTS = `
  SELECT count(*) AS count FROM (SELECT 1 FROM job_executions WHERE ${ENDED_WITHIN} LIMIT ${SAMPLE + 1}) AS ended`;

const SAMPLE_ATTEMPTS = `
  WITH sample AS MATERIALIZED (
    SELECT job_id, duration_ms, status = 'completed' AS is_completed FROM job_executions WHERE ${ENDED_WITHIN} LIMIT ${SAMPLE}
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

/** @throws PostgresError */
export async function measureAttempts(db: Database): Promise<Attempts> {
  const windowSeconds = await chooseWindow(db);
  const { rows: statistics } = await db.query<AttemptStatistics>(SAMPLE_ATTEMPTS, [windowSeconds]);
  return { windowSeconds, statistics };
}

/** The longest that the sample covers whole, or the shortest. */
async function chooseWindow(db: Database): Promise<number> {
  const [longest, ...shorter] = WINDOWS_SECONDS;
  let window: number = longest;
  for (const next of shorter) {
    const { rows } = await db.query<{ count: number }>(COUNT_ATTEMPTS, [window]);
    if ((rows[0]?.count ?? 0) <= SAMPLE) return window;
    window = next;
  }
  return window;
}
