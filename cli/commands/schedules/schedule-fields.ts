import type { Command } from 'commander';
import { DURATION_FORM, numberOrText, readDuration } from '../../input/option-values.js';
import { readJson } from '../../input/read-json.js';

/** When a schedule fires. */
export interface RuleOptions {
  readonly cron?: string;
  readonly every?: number;
  readonly timezone?: string;
  readonly startsAt?: string;
  readonly endsAt?: string;
}

export interface ScheduleFieldOptions extends RuleOptions {
  readonly jobType?: string;
  readonly payload?: string;
  readonly queue?: string;
  readonly priority?: number | string;
  readonly maxRetries?: number | string;
  readonly timeout?: number;
  readonly misfire?: string;
  readonly maxCatchUp?: number | string;
  readonly overlap?: string;
  readonly enabled?: boolean;
  readonly disabled?: boolean;
}

const NONE = 'none';

export function addRuleOptions(command: Command): Command {
  return command
    .option('--cron <expression>', "5 or 6 fields, or @daily and the like: '0 9 * * 1-5'")
    .option('--every <duration>', `or a fixed interval: ${DURATION_FORM}`, readDuration)
    .option('--timezone <name>', 'of the expression, such as Europe/Paris; UTC where nothing is said')
    .option('--starts-at <time>', 'no fire before, such as 2030-01-31T09:00:00Z, or none')
    .option('--ends-at <time>', 'no fire after, or none');
}

export function addScheduleFields(command: Command): Command {
  command.option('--job-type <type>', 'of the jobs that it submits');
  return addRuleOptions(command)
    .option('--payload <json>', 'of its jobs: JSON, @file, or @- for standard input')
    .option('--queue <name>', 'of its jobs')
    .option('--priority <number>', 'of its jobs: 0 to 100, higher first', numberOrText)
    .option('--max-retries <number>', 'of its jobs', numberOrText)
    .option('--timeout <duration>', `of its jobs, for one attempt: ${DURATION_FORM}`, readDuration)
    .option('--misfire <policy>', 'fires that were missed while nothing ran: skip, fire_once or catch_up')
    .option('--max-catch-up <number>', 'with catch_up: so many of them at most', numberOrText)
    .option('--overlap <policy>', 'while the job before is unfinished: allow or skip')
    .option('--disabled', 'it shall not fire');
}

export const readRule = ({ cron, every, timezone, startsAt, endsAt }: RuleOptions) => ({
  cron_expression: cron,
  interval_ms: every,
  timezone,
  starts_at: startsAt === NONE ? null : startsAt,
  ends_at: endsAt === NONE ? null : endsAt,
});

/** As the body of POST and PUT /api/schedules. @throws BadInput for what is no JSON */
export async function readScheduleFields(options: ScheduleFieldOptions) {
  return {
    ...readRule(options),
    job_type: options.jobType,
    payload: await readJson('--payload', options.payload),
    queue: options.queue,
    priority: options.priority,
    max_retries: options.maxRetries,
    timeout_ms: options.timeout,
    misfire_policy: options.misfire,
    max_catch_up: options.maxCatchUp,
    overlap_policy: options.overlap,
    enabled: options.disabled ? false : undefined,
  };
}
