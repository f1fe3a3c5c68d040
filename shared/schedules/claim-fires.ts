import type { JobDefaults } from '../installation.js';
import type { QueryTarget } from '../postgres/query-target.js';
import type { FireDecision } from './decide-fires.js';

/** A schedule whose row is locked, and what is to be done about it. */
export interface Handled extends FireDecision {
  readonly id: number;
}

/** A fire time that is ours: nobody else can have it. */
export interface ClaimedFire {
  readonly scheduleId: number;
  readonly fireAt: Date;
  readonly outcome: 'fired' | 'skipped_overlap';
  /** Null: the last job was unfinished. */
  readonly jobId: number | null;
  readonly queue: string;
  readonly priority: number;
  readonly jobType: string;
}

/** A job may still run, or run again, although a later one, run by a person, is done: so many are asked. */
const LOOKED_BACK = 100;

/**
 * Claims the fire times and inserts their jobs. A time that is on record already is left out, whoever asks for it again. Payloads
 * never leave the database. Of several fires of a schedule that must not overlap the first counts as the others' last job.
 * $2, $3: retries and timeout of jobs whose schedule leaves them open. We dispatch: see jobs_announce.
 */
const CLAIM_FIRES = `
  WITH wanted AS MATERIALIZED (
    SELECT s.id AS schedule_id, f.fire_at,
           s.overlap_policy = 'skip' AND (
             row_number() OVER (PARTITION BY s.id ORDER BY f.fire_at) > 1
             OR EXISTS (SELECT 1 FROM (SELECT r.job_id FROM job_schedule_fires r WHERE r.schedule_id = s.id AND r.outcome = 'fired'
                                        ORDER BY r.fire_at DESC LIMIT ${LOOKED_BACK}) recent
                          JOIN jobs j ON j.id = recent.job_id WHERE j.completed_at IS NULL)) AS is_overlap
      FROM jsonb_to_recordset($1::jsonb) AS f (schedule_id bigint, fire_at timestamptz) JOIN job_schedules s ON s.id = f.schedule_id
  ), claimed AS (
    INSERT INTO job_schedule_fires (schedule_id, fire_at, outcome, job_id)
    SELECT schedule_id, fire_at, CASE WHEN is_overlap THEN 'skipped_overlap' ELSE 'fired' END,
           CASE WHEN NOT is_overlap THEN nextval((SELECT pg_get_serial_sequence('jobs', 'id')::regclass)) END
      FROM wanted ORDER BY fire_at, schedule_id
    ON CONFLICT (schedule_id, fire_at) DO NOTHING
    RETURNING schedule_id, fire_at, outcome, job_id
  ), inserted AS (
    INSERT INTO jobs (id, job_type, queue, priority, payload, max_retries, timeout_ms, metadata, created_by)
    SELECT c.job_id, s.job_type, s.queue, s.priority, s.payload, COALESCE(s.max_retries, $2, 3),
           COALESCE(s.timeout_ms, $3, 300000), jsonb_build_object('schedule', s.name, 'fire_at', c.fire_at), 'schedule:' || s.name
      FROM (SELECT set_config('holdfast.dispatched_by', 'submitter', true) OFFSET 0) AS announced,
           claimed c JOIN job_schedules s ON s.id = c.schedule_id
     WHERE c.job_id IS NOT NULL ORDER BY c.job_id
  )
  SELECT c.schedule_id AS "scheduleId", c.fire_at AS "fireAt", c.outcome, c.job_id AS "jobId", s.queue, s.priority,
         s.job_type AS "jobType"
    FROM claimed c JOIN job_schedules s ON s.id = c.schedule_id ORDER BY c.fire_at, c.schedule_id`;

export async function claimFires(
  tx: QueryTarget,
  handled: readonly Handled[],
  { maxRetries, timeoutMs }: JobDefaults,
): Promise<ClaimedFire[]> {
  const fires = handled.flatMap(({ id, fires: times }) =>
    times.map((at) => ({ schedule_id: id, fire_at: new Date(at) })),
  );
  if (fires.length === 0) return [];
  const values = [JSON.stringify(fires), maxRetries ?? null, timeoutMs ?? null];
  return (await tx.query(CLAIM_FIRES, values)).rows as ClaimedFire[];
}

const STORE_MISFIRES = `
  INSERT INTO job_schedule_fires (schedule_id, fire_at, outcome, missed, missed_until)
  SELECT schedule_id, fire_at, 'misfired', missed, missed_until
    FROM jsonb_to_recordset($1::jsonb) AS m (schedule_id bigint, fire_at timestamptz, missed int, missed_until timestamptz)
  ON CONFLICT (schedule_id, fire_at) DO NOTHING`;

/** One row for all that a schedule missed in one outage, however much it was. */
export async function storeMisfires(tx: QueryTarget, handled: readonly Handled[]): Promise<void> {
  const misfires = handled.flatMap(({ id, misfire }) =>
    misfire === null
      ? []
      : {
          schedule_id: id,
          fire_at: new Date(misfire.from),
          missed: misfire.missed,
          missed_until: new Date(misfire.until),
        },
  );
  if (misfires.length > 0) await tx.query(STORE_MISFIRES, [JSON.stringify(misfires)]);
}

/** updated_at is set here, or a trigger would write each row once more. */
const STORE_NEXT_RUNS = `
  UPDATE job_schedules s SET next_run_at = n.next_run_at, last_run_at = COALESCE(n.last_run_at, s.last_run_at),
    last_job_id = COALESCE(n.last_job_id, s.last_job_id), last_error = NULL, updated_at = clock_timestamp()
   FROM jsonb_to_recordset($1::jsonb) AS n (id bigint, next_run_at timestamptz, last_run_at timestamptz, last_job_id bigint)
  WHERE s.id = n.id`;

export async function storeNextRuns(
  tx: QueryTarget,
  handled: readonly Handled[],
  claimed: readonly ClaimedFire[],
): Promise<void> {
  // In order of time: the last one stays.
  const latest = new Map<number, ClaimedFire>();
  for (const fire of claimed) if (fire.jobId !== null) latest.set(fire.scheduleId, fire);
  const nextRuns = handled.map(({ id, next }) => ({
    id,
    next_run_at: next === null ? null : new Date(next),
    last_run_at: latest.get(id)?.fireAt,
    last_job_id: latest.get(id)?.jobId,
  }));
  await tx.query(STORE_NEXT_RUNS, [JSON.stringify(nextRuns)]);
}
