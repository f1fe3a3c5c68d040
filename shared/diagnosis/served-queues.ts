import { readQueuesWithWork } from '../jobs/read-ready.js';
import { readWithin } from '../jobs/read-within.js';
import type { Database } from '../postgres/create-database.js';
import { ok, problem, type Finding } from './finding.js';

/** What is counted one by one; beyond it, "more than". */
const CAP = 1_000;
const READ_LIMIT_MS = 2_000;

/** Live by its heartbeat: without a coordinator nobody is declared dead. */
const LIVE_WORKERS = `SELECT queues, job_types FROM workers
   WHERE dead_at IS NULL AND stopped_at IS NULL AND last_seen_at > now() - dead_after_ms * interval '1 millisecond'`;

/** $1 queues with unfinished jobs. Those that nobody serves, with how many of their jobs are ready. */
const READ_UNSERVED = `
  WITH live AS MATERIALIZED (${LIVE_WORKERS})
  SELECT q.queue, waiting.count FROM unnest($1::text[]) AS q (queue) CROSS JOIN LATERAL (
    SELECT count(*) FROM (
      SELECT 1 FROM jobs j WHERE j.queue = q.queue AND j.completed_at IS NULL AND j.unmet_dependencies = 0
         AND j.set_aside_at IS NULL AND j.status = 'pending' AND j.ready_at <= now()
       -- Along the index: without an order the whole table is read, once for each queue.
       ORDER BY j.priority DESC, j.ready_at, j.id LIMIT (SELECT ${CAP + 1})) ready) waiting
   WHERE waiting.count > 0 AND NOT EXISTS (SELECT 1 FROM live WHERE q.queue = ANY (live.queues))
     AND NOT EXISTS (SELECT 1 FROM queues p WHERE p.name = q.queue AND p.paused_at IS NOT NULL)
   ORDER BY q.queue LIMIT 20`;

/** Jobs that a worker of their queue met and could not run, and whose type nobody there declares since. */
const READ_UNHANDLED = `
  WITH live AS MATERIALIZED (${LIVE_WORKERS})
  SELECT a.queue, a.job_type AS "jobType", count(*) AS count
    FROM (SELECT queue, job_type FROM jobs WHERE set_aside_at IS NOT NULL AND status = 'pending' LIMIT ${CAP + 1}) a
   WHERE NOT EXISTS (SELECT 1 FROM live WHERE a.queue = ANY (live.queues) AND a.job_type = ANY (live.job_types))
   GROUP BY a.queue, a.job_type ORDER BY a.queue, a.job_type LIMIT 20`;

/** Whether somebody is there to run what is ready. @throws PostgresError; HoldfastError `timeout` */
export async function checkServedQueues(db: Database): Promise<Finding[]> {
  const queues = await readQueuesWithWork(db);
  const read = <Row>(statement: string, values: unknown[] = []) =>
    readWithin<Row>(db, READ_LIMIT_MS, statement, values);
  const unserved = await read<{ queue: string; count: number }>(READ_UNSERVED, [queues]);
  const unhandled = await read<{ queue: string; jobType: string; count: number }>(READ_UNHANDLED);
  const findings = [
    ...unserved.map(({ queue, count }) =>
      problem(
        `no live worker serves queue ${queue}, where ${readyJobs(count)}`,
        'They wait until a worker comes.',
        `Start one: \`holdfast worker --queues ${queue}\`.`,
      ),
    ),
    ...unhandled.map(({ queue, jobType, count }) =>
      problem(
        `no worker of queue ${queue} handles jobs of type "${jobType}", of which ${readyJobs(count)}`,
        'They are set aside until a worker that declares the type registers.',
        'Start a worker with the module that defines it: `holdfast worker --handlers ./your-jobs.js`.',
      ),
    ),
  ];
  return findings.length > 0 ? findings : [ok('every queue with ready jobs has a live worker')];
}

function readyJobs(count: number): string {
  if (count > CAP) return `more than ${CAP.toLocaleString('en')} jobs are ready`;
  return count === 1 ? '1 job is ready' : `${count} jobs are ready`;
}
