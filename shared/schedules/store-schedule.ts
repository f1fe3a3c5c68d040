import type { QueryTarget } from '../postgres/query-target.js';
import { readRule } from './next-fire.js';
import { SCHEDULE_COLUMNS, type ScheduleRow, type ScheduleSpec } from './schedule.js';

/** The part of each statement that reads a row from JSON. */
const GIVEN = `jsonb_to_record($1::jsonb) AS g (
  job_type text, queue text, payload jsonb, priority smallint, max_retries int, timeout_ms int, cron_expression text,
  interval_ms bigint, timezone text, enabled boolean, next_run_at timestamptz, misfire_policy text, max_catch_up int,
  overlap_policy text, starts_at timestamptz, ends_at timestamptz, created_by text)`;

const SPEC_COLUMNS = `job_type, queue, payload, priority, max_retries, timeout_ms, cron_expression, interval_ms, timezone, enabled,
  next_run_at, misfire_policy, max_catch_up, overlap_policy, starts_at, ends_at, created_by`;

const INSERT_SCHEDULE = `
  INSERT INTO job_schedules (name, defined_as, ${SPEC_COLUMNS})
  SELECT $2, $3::jsonb, ${SPEC_COLUMNS} FROM ${GIVEN}
  ON CONFLICT (name) DO NOTHING RETURNING ${SCHEDULE_COLUMNS}`;

const UPDATE_SCHEDULE = `
  UPDATE job_schedules SET (defined_as, updated_at, ${SPEC_COLUMNS}) =
    (SELECT COALESCE($3::jsonb, defined_as), clock_timestamp(), ${SPEC_COLUMNS.replace(/\w+/g, 'g.$&')} FROM ${GIVEN})
   WHERE id = $2 RETURNING ${SCHEDULE_COLUMNS}`;

const LOCK_SCHEDULE = `SELECT ${SCHEDULE_COLUMNS}, defined_as FROM job_schedules WHERE name = $1 FOR NO KEY UPDATE`;

/** Writers wait for a fire, or for each other; not for somebody's forgotten transaction. The next fire is theirs to say. */
const BEGIN_WRITING = `
  SELECT set_config('lock_timeout', '1s', true), set_config('holdfast.planned_by', 'writer', true), now()`;

/** The first statement of a transaction that writes schedules. Returns the database's time. */
export async function beginWriting(tx: QueryTarget): Promise<Date> {
  const { rows } = await tx.query(BEGIN_WRITING);
  return (rows as { now: Date }[])[0]!.now;
}

/** A row to be changed, and how code last defined it. */
export interface LockedSchedule extends ScheduleRow {
  readonly defined_as: Readonly<Record<string, unknown>> | null;
}

export async function lockSchedule(tx: QueryTarget, name: string): Promise<LockedSchedule | undefined> {
  const { rows } = await tx.query(LOCK_SCHEDULE, [name]);
  return (rows as LockedSchedule[])[0];
}

/** Undefined: there is one of that name already. */
export async function insertSchedule(
  tx: QueryTarget,
  name: string,
  spec: ScheduleSpec,
  now: Date,
  definedAs?: unknown,
): Promise<ScheduleRow | undefined> {
  const values = [toJson(spec, nextRunOf({ ...spec, created_at: now }, now)), name, toDefinition(definedAs)];
  const { rows } = await tx.query(INSERT_SCHEDULE, values);
  return (rows as ScheduleRow[])[0];
}

/**
 * The next fire is worked out anew when the rule, or `enabled`, has changed; else it stays. One that is due, and not yet fired, is
 * not forgotten over that.
 */
export async function updateSchedule(
  tx: QueryTarget,
  former: ScheduleRow,
  spec: ScheduleSpec,
  now: Date,
  definedAs?: unknown,
): Promise<ScheduleRow> {
  const { created_at, next_run_at, enabled } = former;
  const isDue = enabled && next_run_at !== null && next_run_at < now;
  const after = isDue ? new Date(next_run_at.getTime() - 1) : now;
  const next = isSameRule(former, spec) ? next_run_at : nextRunOf({ ...spec, created_at }, after);
  const { rows } = await tx.query(UPDATE_SCHEDULE, [toJson(spec, next), former.id, toDefinition(definedAs)]);
  return (rows as ScheduleRow[])[0] as ScheduleRow;
}

const RULE_FIELDS = [
  'cron_expression',
  'interval_ms',
  'timezone',
  'starts_at',
  'ends_at',
  'enabled',
] as const;

const isSameRule = (a: ScheduleSpec, b: ScheduleSpec): boolean =>
  RULE_FIELDS.every((field) => a[field]?.valueOf() === b[field]?.valueOf());

function nextRunOf(spec: ScheduleSpec & { readonly created_at: Date }, after: Date): Date | null {
  const next = spec.enabled ? readRule(spec)(after.getTime()) : null;
  return next === null ? null : new Date(next);
}

const toJson = (spec: ScheduleSpec, nextRunAt: Date | null) =>
  JSON.stringify({ ...spec, next_run_at: nextRunAt });
const toDefinition = (definedAs: unknown) => (definedAs === undefined ? null : JSON.stringify(definedAs));
