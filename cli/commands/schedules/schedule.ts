import { duration } from '../../output/times.js';

/** What the commands read of a schedule; see api/schemas/schedules.ts. */
export interface Schedule {
  readonly name: string;
  readonly job_type: string;
  readonly queue: string;
  readonly priority: number;
  readonly payload: unknown;
  readonly cron_expression: string | null;
  readonly interval_ms: number | null;
  readonly timezone: string;
  readonly enabled: boolean;
  readonly next_run_at: string | null;
  readonly last_run_at: string | null;
  readonly last_job_id: number | null;
  readonly last_error: string | null;
  readonly misfire_policy: string;
  readonly max_catch_up: number;
  readonly overlap_policy: string;
  readonly starts_at: string | null;
  readonly ends_at: string | null;
  readonly created_by: string | null;
}

export interface Fire {
  readonly scheduled_for: string;
  readonly fired_at: string;
  readonly job_id: number | null;
  readonly outcome: string;
  readonly is_manual: boolean;
  /** A misfire stands for so many fire times. */
  readonly missed: number | null;
}

export interface ScheduleDetail extends Schedule {
  readonly next_fires: readonly string[];
  readonly recent_fires: readonly Fire[];
}

/** `0 9 * * 1-5 (Europe/Paris)`, or `every 5m`. */
export const describeRule = ({ cron_expression: cron, interval_ms: interval, timezone }: Schedule): string =>
  cron === null ? `every ${duration(interval ?? 0)}` : `${cron} (${timezone})`;

export const describeState = ({ enabled, last_error: error }: Schedule): 'off' | 'faulty' | 'on' =>
  !enabled ? 'off' : error === null ? 'on' : 'faulty';

export const STATE_COLOURS = { on: 'green', off: 'grey', faulty: 'red' } as const;
