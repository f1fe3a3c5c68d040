import type { World } from '../world/world.js';
import { violationsOf, type Violation } from './violation.js';

/** The name of a schedule says how far apart its fire times are; see start-schedules.ts. */
const GAPS = `
  WITH fires AS (
    SELECT s.name, split_part(s.name, ' ', 2)::int AS every_ms, f.fire_at, f.outcome,
           lag(f.fire_at) OVER (PARTITION BY s.id ORDER BY f.fire_at) AS before
      FROM job_schedules s JOIN job_schedule_fires f ON f.schedule_id = s.id
  )
  SELECT name, fire_at::text AS "fireAt", before::text, outcome FROM fires
   WHERE outcome <> 'fired' OR abs(date_part('epoch', fire_at - before) * 1000 - every_ms) > 1`;

const DOUBLES = `
  SELECT created_by AS name, metadata ->> 'fire_at' AS "fireAt", count(*) AS jobs FROM jobs
   WHERE created_by LIKE 'schedule:%' GROUP BY 1, 2 HAVING count(*) > 1`;

const UNMATCHED = `
  SELECT f.schedule_id AS id, f.fire_at::text AS "fireAt", f.job_id AS "jobId" FROM job_schedule_fires f
   WHERE NOT EXISTS (SELECT 1 FROM jobs j WHERE j.id = f.job_id)
  UNION ALL
  SELECT NULL, j.metadata ->> 'fire_at', j.id FROM jobs j
   WHERE j.created_by LIKE 'schedule:%' AND NOT EXISTS (SELECT 1 FROM job_schedule_fires f WHERE f.job_id = j.id)`;

const SILENT = `
  SELECT name FROM job_schedules s
   WHERE (SELECT count(*) FROM job_schedule_fires f WHERE f.schedule_id = s.id) < 2`;

/** No schedule fires twice, and none drops a fire: each fire time from the first to the last has one job. */
export async function checkSchedules({ db }: World): Promise<Violation[]> {
  const { rows: gaps } = await db.query<Record<string, string>>(GAPS);
  const { rows: doubles } = await db.query<Record<string, string>>(DOUBLES);
  const { rows: unmatched } = await db.query<Record<string, string>>(UNMATCHED);
  const { rows: silent } = await db.query<{ name: string }>(SILENT);
  return [
    ...violationsOf(
      'a fire time was left out',
      gaps,
      ({ name, fireAt, before, outcome }) => `${name}: ${before} is followed by ${fireAt} (${outcome})`,
    ),
    ...violationsOf(
      'a schedule fired twice',
      doubles,
      ({ name, fireAt, jobs }) => `${name} at ${fireAt}: ${jobs} jobs`,
    ),
    ...violationsOf(
      'a fire and its job are not there together',
      unmatched,
      ({ id, fireAt, jobId }) => `schedule ${id} at ${fireAt}, job ${jobId}`,
    ),
    ...violationsOf('a schedule has not fired', silent, ({ name }) => name),
  ];
}
