import type { Installation } from '../installation.js';
import { dispatchJobs, type DispatchableJob } from './dispatch-jobs.js';

/** The channel on which the database tells of jobs that nobody pushes; see the trigger jobs_announce. */
export const ANNOUNCEMENT_CHANNEL = 'holdfast_submitted';

const PAGE = 1_000;
const READ_RANGE = `
  SELECT id, queue, priority, lost_count AS "lostCount" FROM jobs
   WHERE id BETWEEN $1 AND $2 AND status = 'pending' AND unmet_dependencies = 0 AND attempt = 0
     AND (scheduled_at IS NULL OR scheduled_at <= now())
   ORDER BY id LIMIT ${PAGE}`;

/** Dispatches the ready jobs of a statement that was announced by the range of its ids. @throws PostgresError */
export async function dispatchRange(
  installation: Installation,
  lowest: number,
  highest: number,
): Promise<void> {
  for (let from = lowest; ;) {
    const { rows } = await installation.db.query<DispatchableJob>(READ_RANGE, [from, highest]);
    await dispatchJobs(installation, rows);
    const last = rows.at(-1);
    if (!last || rows.length < PAGE) return;
    from = last.id + 1;
  }
}
