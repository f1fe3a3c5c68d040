import type { QueryTarget } from '../postgres/query-target.js';
import type { ClaimedJob } from './claimed-job.js';
import type { LogLine } from './outcome.js';

const KEEP_LOGS = `
  UPDATE job_executions SET logs = $4::jsonb
   WHERE job_id = $1 AND attempt = $2 AND worker_id = $3 AND status = 'cancelled' AND logs IS NULL`;

/**
 * Adds what a cancelled attempt logged to its record, which the cancel wrote before the handler had ended. Never throws: when PostgreSQL is
 * away the record goes without.
 */
export async function keepCancelledLogs(
  db: QueryTarget,
  workerId: string,
  { id, attempt }: Pick<ClaimedJob, 'id' | 'attempt'>,
  logs: readonly LogLine[],
): Promise<void> {
  if (logs.length === 0) return;
  await db.query(KEEP_LOGS, [id, attempt, workerId, JSON.stringify(logs)]).catch(() => undefined);
}
