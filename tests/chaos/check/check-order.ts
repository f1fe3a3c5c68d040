import type { World } from '../world/world.js';
import { violationsOf, type Violation } from './violation.js';

const STARTED_BEFORE_PARENT = `
  SELECT d.job_id AS child, d.depends_on_job_id AS parent
    FROM job_dependencies d JOIN jobs p ON p.id = d.depends_on_job_id
    JOIN job_executions e ON e.job_id = d.job_id AND e.attempt = 1
   WHERE p.completed_at IS NULL OR (e.started_at < p.completed_at AND NOT EXISTS (
     SELECT 1 FROM job_executions again WHERE again.job_id = p.id AND again.finished_at < e.started_at))`;

/** A child starts after its parents are done. (A parent that somebody ran again was done before that, too.) */
export async function checkOrder({ db }: World): Promise<Violation[]> {
  const { rows } = await db.query<{ child: number; parent: number }>(STARTED_BEFORE_PARENT);
  return violationsOf(
    'a job started before one that it depends on was done',
    rows,
    ({ child, parent }) => `job ${child}, which depends on ${parent}`,
  );
}
