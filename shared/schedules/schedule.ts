import type { MisfirePolicy, OverlapPolicy } from './decide-fires.js';
import type { ScheduleRule } from './next-fire.js';

export const MISFIRE_POLICIES = ['skip', 'fire_once', 'catch_up'] as const satisfies readonly MisfirePolicy[];
export const OVERLAP_POLICIES = ['allow', 'skip'] as const satisfies readonly OverlapPolicy[];

/** A schedule as it is asked for; what is left out takes the default. Times are milliseconds. */
export interface NewSchedule {
  /** 1 to 200 of letters, digits, `_`, `.`, `:` and `-`. */
  readonly name: string;
  readonly jobType: string;
  /** Default `{}`. */
  readonly payload?: unknown;
  /** Default `default`. */
  readonly queue?: string | undefined;
  /** 0 to 100, higher first. Default 50. */
  readonly priority?: number | undefined;
  /** Five fields, six with seconds first, or a name such as `@daily`. Either this or `intervalMs`. */
  readonly cronExpression?: string | null | undefined;
  /** 1,000 (a second) to ten years. Counted from `startsAt`, else from the schedule's creation: fires never drift. */
  readonly intervalMs?: number | null | undefined;
  /** IANA. Default `UTC`. */
  readonly timezone?: string | undefined;
  /** Default true. */
  readonly enabled?: boolean | undefined;
  /** What to do about fires that were missed while no coordinator ran. Default `fire_once`. */
  readonly misfirePolicy?: MisfirePolicy | undefined;
  /** How many missed fires `catch_up` makes up for, the latest ones; 1 to 1,000. Default 100. */
  readonly maxCatchUp?: number | undefined;
  /** `skip`: no fire while the last job is unfinished. Default `allow`. */
  readonly overlapPolicy?: OverlapPolicy | undefined;
  /** No fire before. */
  readonly startsAt?: Date | null | undefined;
  /** No fire after. */
  readonly endsAt?: Date | null | undefined;
  /** Of its jobs. Default: what holds for jobs that do not say. */
  readonly maxRetries?: number | null | undefined;
  readonly timeoutMs?: number | null | undefined;
  readonly createdBy?: string | null | undefined;
}

/** What a person may change of a schedule; what is left out stays as it is. */
export type ScheduleChanges = Omit<NewSchedule, 'name' | 'jobType'> & {
  readonly jobType?: string | undefined;
};

/** What a schedule's row says of it, apart from its name and what became of it. */
export interface ScheduleSpec extends Omit<ScheduleRule, 'created_at'> {
  readonly job_type: string;
  readonly queue: string;
  readonly payload: unknown;
  readonly priority: number;
  readonly enabled: boolean;
  readonly misfire_policy: MisfirePolicy;
  readonly max_catch_up: number;
  readonly overlap_policy: OverlapPolicy;
  readonly max_retries: number | null;
  readonly timeout_ms: number | null;
  readonly created_by: string | null;
}

/** A schedule, as its row tells. */
export interface ScheduleRow extends ScheduleSpec, ScheduleRule {
  readonly id: number;
  readonly name: string;
  /** Null: disabled, over, not planned yet, or wrong (`last_error`). */
  readonly next_run_at: Date | null;
  readonly last_run_at: Date | null;
  readonly last_job_id: number | null;
  readonly last_error: string | null;
  readonly updated_at: Date;
}

export const SCHEDULE_COLUMNS = `id, name, job_type, queue, payload, priority, max_retries, timeout_ms, cron_expression, interval_ms,
  timezone, enabled, next_run_at, last_run_at, last_job_id, misfire_policy, max_catch_up, overlap_policy, starts_at, ends_at,
  last_error, created_by, created_at, updated_at`;

const DEFAULTS: Omit<ScheduleSpec, 'job_type'> = {
  queue: 'default',
  payload: {},
  priority: 50,
  cron_expression: null,
  interval_ms: null,
  timezone: 'UTC',
  enabled: true,
  misfire_policy: 'fire_once',
  max_catch_up: 100,
  overlap_policy: 'allow',
  starts_at: null,
  ends_at: null,
  max_retries: null,
  timeout_ms: null,
  created_by: null,
};

/** All that a new schedule says, or leaves to the defaults. */
export const toSpec = (schedule: Omit<NewSchedule, 'name'>): ScheduleSpec => ({
  ...DEFAULTS,
  job_type: schedule.jobType,
  ...toSpecPart(schedule),
});

/** The schedule with these changes. A rule of one kind takes the place of one of the other kind. */
export function changeSpec(spec: ScheduleSpec, changes: ScheduleChanges): ScheduleSpec {
  const part = toSpecPart(changes);
  const { cron_expression: cron, interval_ms: interval } = part;
  const isCronGiven = cron !== undefined && cron !== null;
  const isIntervalGiven = interval !== undefined && interval !== null;
  return {
    ...pickSpec(spec),
    ...(isCronGiven && interval === undefined ? { interval_ms: null } : {}),
    ...(isIntervalGiven && cron === undefined ? { cron_expression: null } : {}),
    ...part,
  };
}

/** Of a row, what a person says of the schedule. */
export function pickSpec(row: ScheduleSpec): ScheduleSpec {
  const names = ['job_type', ...Object.keys(DEFAULTS)] as (keyof ScheduleSpec)[];
  return Object.fromEntries(names.map((name) => [name, row[name]])) as unknown as ScheduleSpec;
}

function toSpecPart(schedule: ScheduleChanges): Partial<ScheduleSpec> {
  const part = {
    job_type: schedule.jobType,
    queue: schedule.queue,
    // No payload is an empty one.
    payload: schedule.payload ?? undefined,
    priority: schedule.priority,
    cron_expression: schedule.cronExpression,
    interval_ms: schedule.intervalMs,
    timezone: schedule.timezone,
    enabled: schedule.enabled,
    misfire_policy: schedule.misfirePolicy,
    max_catch_up: schedule.maxCatchUp,
    overlap_policy: schedule.overlapPolicy,
    starts_at: schedule.startsAt,
    ends_at: schedule.endsAt,
    max_retries: schedule.maxRetries,
    timeout_ms: schedule.timeoutMs,
    created_by: schedule.createdBy,
  };
  return Object.fromEntries(Object.entries(part).filter(([, value]) => value !== undefined));
}
