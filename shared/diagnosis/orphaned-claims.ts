import type { Database } from '../postgres/create-database.js';
import { counted, ok, problem, type Finding } from './finding.js';

/** The rescue runs every second: claims that have waited for this long wait for something. */
const GRACE_MS = 10_000;

/** Claims of workers that are declared dead, have stopped or are gone; or that should have been declared dead by now. */
const READ_ORPHANED_CLAIMS = `
  SELECT count(DISTINCT b.worker_id) AS workers, COALESCE(sum(cardinality(b.job_ids)), 0)::int AS jobs
    FROM claim_batches b LEFT JOIN workers w ON w.id = b.worker_id
   WHERE b.claimed_at < now() - $1 * interval '1 millisecond'
     AND (w.id IS NULL
          OR COALESCE(w.dead_at, w.stopped_at, w.last_seen_at + w.dead_after_ms * interval '1 millisecond')
             < now() - $1 * interval '1 millisecond')`;

/** @throws PostgresError */
export async function checkOrphanedClaims(db: Database): Promise<Finding[]> {
  const { rows } = await db.query<{ workers: number; jobs: number }>(READ_ORPHANED_CLAIMS, [GRACE_MS]);
  const { workers, jobs } = rows[0]!;
  if (workers === 0) return [ok('no claim of a dead worker waits for its rescue')];
  return [
    problem(
      `claims of ${counted(workers, 'dead worker')} wait for their rescue (up to ${counted(jobs, 'job')})`,
      'Jobs that these workers ran do not run elsewhere yet.',
      "See that a coordinator leads. If one does, its log says why, or somebody's open transaction holds the rows.",
    ),
  ];
}
