import { readWithin } from '../jobs/read-within.js';
import type { Database } from '../postgres/create-database.js';
import type { DeadLetterStatus } from './dead-letter.js';

export interface GroupRequest {
  /** Left out: any. */
  readonly status?: DeadLetterStatus | undefined;
  readonly queue?: string | undefined;
  readonly jobType?: string | undefined;
  readonly limit: number;
}

/** Dead letters of one fingerprint. The error is that of the latest one. */
export interface DeadLetterGroup {
  readonly fingerprint: string;
  readonly job_type: string;
  readonly error_class: string | null;
  readonly error_message: string | null;
  readonly count: number;
  readonly first_seen: Date;
  readonly last_seen: Date;
  readonly queues: readonly string[];
}

const GROUP_MS = 5_000;

/** As the view dead_letter_groups, of the letters that fit. Open ones are counted in an index; messages are read of the answer alone. */
const GROUP_DEAD_LETTERS = `
  WITH alike AS (
    SELECT fingerprint, queue, count(*) AS letters, min(created_at) AS first_seen, max(created_at) AS last_seen, max(id) AS last_id
      FROM dead_letter_jobs
     WHERE ($1::dead_letter_status IS NULL OR status = $1) AND ($2::text IS NULL OR queue = $2)
       AND ($3::text IS NULL OR job_type = $3)
     GROUP BY fingerprint, queue
  ), grouped AS (
    SELECT fingerprint, sum(letters)::bigint AS count, min(first_seen) AS first_seen, max(last_seen) AS last_seen,
           max(last_id) AS last_id, array_agg(queue ORDER BY queue) AS queues
      FROM alike GROUP BY fingerprint ORDER BY count DESC, last_id DESC LIMIT $4
  )
  SELECT g.fingerprint, d.job_type, d.error_class, d.error_message, g.count, g.first_seen, g.last_seen, g.queues
    FROM grouped g JOIN dead_letter_jobs d ON d.id = g.last_id ORDER BY g.count DESC, g.last_id DESC`;

export interface DeadLetterGroups {
  readonly groups: readonly DeadLetterGroup[];
  readonly hasMore: boolean;
}

/** The largest groups first. @throws HoldfastError `timeout`; PostgresError */
export async function groupDeadLetters(
  db: Database,
  { status, queue, jobType, limit }: GroupRequest,
): Promise<DeadLetterGroups> {
  const values = [status ?? null, queue ?? null, jobType ?? null, limit + 1];
  const rows = await readWithin<DeadLetterGroup>(db, GROUP_MS, GROUP_DEAD_LETTERS, values);
  return { groups: rows.slice(0, limit), hasMore: rows.length > limit };
}
