import { z } from 'zod';
import {
  LONGEST_NAME,
  LONGEST_TYPE,
  MAX_RETRIES,
  PRIORITY,
  TIMEOUT_MS,
} from '../../shared/jobs/job-limits.js';
import { MISFIRE_POLICIES, OVERLAP_POLICIES } from '../../shared/schedules/schedule.js';
import {
  isoTime,
  jobId,
  jsonObject,
  listFilter,
  ofQueueAndType,
  queueName,
  success,
  text,
  time,
  wholeNumber,
} from './common.js';

const nullable = { text: z.string().nullable(), time: time.nullable(), int: z.int().nullable() };

const PRIORITY_RULE = `must be a whole number from ${PRIORITY.from} to ${PRIORITY.to}`;
const WITHIN_1000 = 'must be a whole number from 1 to 1000';

/** Whether expression, time zone and interval mean something is checked where the schedule is made; see check-schedule.ts. */
const rule = {
  cron_expression: text(200)
    .nullable()
    .meta({
      description:
        'Five fields, six with seconds first, or `@yearly`, `@monthly`, `@weekly`, `@daily`, `@hourly`.',
      examples: ['30 2 * * *'],
    }),
  interval_ms: z
    .int('must be a whole number of milliseconds')
    .nullable()
    .meta({
      description:
        'Instead of a cron expression: 1000 to ten years, counted from `starts_at`, else from the creation.',
      examples: [3_600_000],
    }),
  timezone: text(100).meta({
    description: 'IANA. Default UTC.',
    default: 'UTC',
    examples: ['Europe/Berlin'],
  }),
  starts_at: isoTime('No fire before this time.').nullable(),
  ends_at: isoTime('No fire after this time.').nullable(),
};

const job = {
  job_type: text(LONGEST_TYPE).meta({
    description: 'Of the jobs it submits.',
    examples: ['data_processing'],
  }),
  payload: jsonObject('Of the jobs it submits. Default {}.'),
  queue: queueName,
  priority: z
    .int(PRIORITY_RULE)
    .min(PRIORITY.from, PRIORITY_RULE)
    .max(PRIORITY.to, PRIORITY_RULE)
    .meta({ description: 'Higher first. Default 50.', default: 50 }),
  max_retries: z
    .int()
    .min(MAX_RETRIES.from)
    .max(MAX_RETRIES.to)
    .nullable()
    .meta({ description: 'Null: what holds for all jobs.' }),
  timeout_ms: z
    .int()
    .min(TIMEOUT_MS.from)
    .max(TIMEOUT_MS.to)
    .nullable()
    .meta({ description: 'Null: what holds for all jobs.' }),
};

const policies = {
  enabled: z.boolean().meta({ description: 'Default true; replacing a schedule leaves it as it is.' }),
  misfire_policy: z.enum(MISFIRE_POLICIES).meta({
    description: 'Fire times missed in an outage: leave them out, fire once (default), or make up for them.',
    default: 'fire_once',
  }),
  max_catch_up: z
    .int(WITHIN_1000)
    .min(1, WITHIN_1000)
    .max(1_000, WITHIN_1000)
    .meta({ description: 'How many, the latest ones, `catch_up` makes up for. Default 100.', default: 100 }),
  overlap_policy: z.enum(OVERLAP_POLICIES).meta({
    description: '`skip`: no fire while the last job is unfinished. Default `allow`.',
    default: 'allow',
  }),
  created_by: text(LONGEST_NAME).nullable(),
};

const changes = z.strictObject({ ...rule, ...job, ...policies }).partial();
const whole = changes.required({ job_type: true });

const name = text(200).meta({
  description: 'Letters, digits, "_", ".", ":" and "-".',
  examples: ['nightly-report'],
});

const EXAMPLE = {
  job_type: 'data_processing',
  payload: { source: { url: 'https://example.org/sales.csv' } },
  cron_expression: '30 2 * * *',
  timezone: 'Europe/Berlin',
};

export const createScheduleBody = whole
  .extend({ name })
  .meta({ id: 'NewSchedule', examples: [{ name: 'nightly-report', ...EXAMPLE }] });
export const replaceScheduleBody = whole.meta({ id: 'ReplaceSchedule', examples: [EXAMPLE] });
export const changeScheduleBody = changes.meta({ id: 'ChangeSchedule', examples: [{ enabled: false }] });
export const previewBody = z
  .strictObject({
    ...rule,
    count: z
      .int('must be a whole number from 1 to 100')
      .min(1, 'must be from 1 to 100')
      .max(100, 'must be from 1 to 100'),
  })
  .partial()
  .meta({
    id: 'PreviewSchedule',
    examples: [{ cron_expression: '30 2 * * *', timezone: 'Europe/Berlin', count: 3 }],
  });

export type ScheduleBody = z.output<typeof changes>;

export const scheduleParams = z.strictObject({ name: text(200) });

export const DEFAULT_LIMIT = 50;
export const DEFAULT_COUNT = 5;

export const listQuery = z.strictObject({
  enabled: listFilter(
    z
      .enum(['true', 'false'])
      .transform((value) => value === 'true')
      .meta({ type: 'boolean' }),
  ),
  ...ofQueueAndType,
  limit: wholeNumber(1, 1_000, DEFAULT_LIMIT),
  cursor: text(200).optional().meta({ description: 'The `next_cursor` of the page before.' }),
});

const schedule = {
  id: z.int(),
  name: z.string(),
  job_type: z.string(),
  queue: z.string(),
  payload: z.unknown().meta({ description: 'Any JSON value.' }),
  priority: z.int(),
  max_retries: nullable.int,
  timeout_ms: nullable.int,
  cron_expression: nullable.text,
  interval_ms: nullable.int,
  timezone: z.string(),
  enabled: z.boolean(),
  next_run_at: time.nullable().meta({ description: 'Null: disabled, over, or wrong (`last_error`).' }),
  last_run_at: time.nullable().meta({ description: 'The fire time of the last job.' }),
  last_job_id: nullable.int,
  misfire_policy: z.enum(MISFIRE_POLICIES),
  max_catch_up: z.int(),
  overlap_policy: z.enum(OVERLAP_POLICIES),
  starts_at: nullable.time,
  ends_at: nullable.time,
  last_error: z.string().nullable().meta({ description: 'Why it does not fire.' }),
  created_by: nullable.text,
  created_at: time,
  updated_at: time,
};

const fire = z
  .object({
    scheduled_for: time,
    fired_at: time.meta({ description: 'When it was decided.' }),
    job_id: nullable.int,
    outcome: z.enum(['fired', 'skipped_overlap', 'misfired']),
    is_manual: z.boolean(),
    missed: z.int().nullable().meta({
      description: 'A misfire stands for so many fire times, up to `missed_until`; 10000: that many or more.',
    }),
    missed_until: nullable.time,
  })
  .meta({ id: 'ScheduleFire' });

export const scheduleAnswer = z.object({ success, schedule: z.object(schedule).meta({ id: 'Schedule' }) });

export const scheduleDetailAnswer = z.object({
  success,
  schedule: z
    .object({
      ...schedule,
      next_fires: z.array(time).meta({ description: 'The next five.' }),
      recent_fires: z.array(fire).meta({ description: 'The last twenty, newest first.' }),
    })
    .meta({ id: 'ScheduleDetail' }),
});

export const scheduleListAnswer = z.object({
  success,
  schedules: z.array(
    z
      .object({
        ...schedule,
        is_payload_omitted: z
          .boolean()
          .meta({ description: 'Too large for a list; the schedule itself has it.' }),
      })
      .meta({ id: 'ListedSchedule' }),
  ),
  pagination: z
    .object({ limit: z.int(), has_more: z.boolean(), next_cursor: nullable.text })
    .meta({ id: 'NamePagination' }),
});

export const deletedAnswer = z
  .object({ success, message: z.string(), name: z.string() })
  .meta({ id: 'ScheduleDeleted' });

export const runAnswer = z
  .object({ success, job_id: jobId })
  .meta({ id: 'ScheduleRun', examples: [{ success: true, job_id: 42 }] });

export const previewAnswer = z
  .object({ success, fires: z.array(time), timezone: z.string() })
  .meta({ id: 'SchedulePreview' });
