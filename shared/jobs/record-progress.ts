import type { Database } from '../postgres/create-database.js';
import { attemptKey } from './outcome.js';
import { ATTEMPT_KEY } from './settle-statement.js';

export interface Progress {
  readonly id: number;
  readonly attempt: number;
  /** 0 to 100. */
  readonly percent: number;
}

/** A row that somebody holds is not worth waiting for: the next report comes. */
const RECORD_PROGRESS = `
  UPDATE jobs SET progress = ($3::jsonb ->> ${ATTEMPT_KEY})::smallint, updated_at = now()
   WHERE id = ANY ($1::bigint[]) AND worker_id = $2 AND status = 'running' AND $3::jsonb ? ${ATTEMPT_KEY}
     AND (SELECT set_config('lock_timeout', '100ms', true)) IS NOT NULL`;

/** @throws PostgresError */
export async function recordProgress(
  db: Database,
  workerId: string,
  reports: readonly Progress[],
): Promise<void> {
  const percents = Object.fromEntries(reports.map((report) => [attemptKey(report), report.percent]));
  const ids = reports.map(({ id }) => id).sort((a, b) => a - b);
  await db.query(RECORD_PROGRESS, [ids, workerId, JSON.stringify(percents)]);
}
