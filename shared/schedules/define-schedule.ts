import type { z } from 'zod';
import { HoldfastError } from '../errors.js';
import type { JobDefinition } from '../jobs/define-job.js';
import { checkSchedule } from './check-schedule.js';
import { toSpec, type NewSchedule } from './schedule.js';

/** A schedule that code defines: `createWorker({ schedules })`, or `client.upsertSchedules`, stores it. */
export interface ScheduleDefinition<Schema extends z.ZodType = z.ZodType> extends Omit<
  NewSchedule,
  'jobType' | 'payload' | 'cronExpression' | 'createdBy'
> {
  /** The job type it submits. Its queue, priority, timeout and retries hold unless the schedule says otherwise. */
  readonly job: JobDefinition<Schema, unknown>;
  /** Fits the job type's schema. Default `{}`. */
  readonly payload?: z.input<Schema>;
  /** Five fields, six with seconds first, or a name such as `@daily`. Either this or `intervalMs`. */
  readonly cron?: string;
}

/** A checked schedule, ready to be stored. */
export type DefinedSchedule = Readonly<NewSchedule>;

/**
 * Declares a schedule. Whoever starts first stores it, the others find it there; a definition that has changed changes the
 * schedule, and what an operator changed of it and code did not, stays: a disabled schedule above all.
 *
 * @throws HoldfastError `validation_failed` naming the fields, as in the database: `cron_expression`, `timezone`, `payload.to`
 * @example
 * export const nightly = defineSchedule({
 *   name: 'nightly-report',
 *   job: report,
 *   payload: { kind: 'daily' },
 *   cron: '30 2 * * *',
 *   timezone: 'Europe/Berlin',
 * });
 */
export function defineSchedule<Schema extends z.ZodType>(
  definition: ScheduleDefinition<Schema>,
): DefinedSchedule {
  const { job, payload = {}, cron, ...rest } = definition;
  const { queue, priority, timeoutMs, retry } = job;
  checkPayload(definition.name, job, payload);
  const schedule: NewSchedule = {
    queue,
    priority,
    timeoutMs,
    maxRetries: retry?.maxRetries,
    ...rest,
    cronExpression: cron,
    jobType: job.type,
    payload,
  };
  checkSchedule(schedule.name, toSpec(schedule));
  return Object.freeze(schedule);
}

function checkPayload(name: string, { type, payload: schema }: JobDefinition, payload: unknown): void {
  const parsed = schema.safeParse(payload);
  if (parsed.success) return;
  const details = parsed.error.issues.map(({ path, message }) => ({
    field: ['payload', ...path.map(String)].join('.'),
    problem: message,
  }));
  const summary = details.map(({ field, problem }) => `${field}: ${problem}`).join('; ');
  const what = `the payload of schedule "${name}" does not fit job type ${type}: ${summary}`;
  throw new HoldfastError('validation_failed', what, { details });
}
