import { HoldfastError, messageOf, type FieldProblem } from '../errors.js';
import type { JobDefaults } from '../installation.js';
import {
  isQueueName,
  LONGEST_NAME,
  LONGEST_TYPE,
  MAX_RETRIES,
  PRIORITY,
  QUEUE_NAME_RULE,
  TIMEOUT_MS,
} from '../jobs/job-limits.js';
import { DEFAULT_MOST_BYTES, findProblem } from '../jobs/storable-json.js';
import { isWholeWithin, type Range } from '../rules.js';
import { EARLIEST, LATEST, OUTSIDE_YEARS } from '../time/years.js';
import { nextCronFire } from './cron-fires.js';
import { cronPattern } from './cron-pattern.js';
import { MISFIRE_POLICIES, OVERLAP_POLICIES, type ScheduleSpec } from './schedule.js';
import { timeZone } from './time-zone.js';

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,199}$/;
/** At most ten years. */
const INTERVAL_MS = { from: 1_000, to: 10 * 365 * 86_400_000 };
const CATCH_UP = { from: 1, to: 1_000 };

/** @throws HoldfastError `validation_failed`, each field named as in the database */
export function checkSchedule(name: string, spec: ScheduleSpec, defaults: JobDefaults = {}): void {
  refuse([
    ...checkName(name),
    ...checkJob(spec, defaults),
    ...checkPolicies(spec),
    ...findRuleProblems(spec),
  ]);
}

/** @throws HoldfastError `validation_failed` */
export function refuse(details: readonly FieldProblem[]): void {
  const [first] = details;
  if (!first) return;
  const more = details.length > 1 ? ` (and ${details.length - 1} more)` : '';
  throw new HoldfastError('validation_failed', `${first.field}: ${first.problem}${more}`, { details });
}

type Rule = Pick<ScheduleSpec, 'cron_expression' | 'interval_ms' | 'timezone' | 'starts_at' | 'ends_at'>;

/** What is wrong with when it fires. */
export function findRuleProblems(rule: Rule): FieldProblem[] {
  const { cron_expression: cron, interval_ms: interval, timezone, starts_at, ends_at } = rule;
  const problems: FieldProblem[] = [];
  const note = (field: string, problem: string | undefined) => {
    if (problem !== undefined) problems.push({ field, problem });
  };
  if (cron === null && interval === null) note('cron_expression', 'is required, or else interval_ms');
  if (cron !== null && interval !== null)
    note('interval_ms', 'must not be given together with cron_expression');
  if (cron !== null) note('cron_expression', findCronProblem(cron));
  if (interval !== null && !isWholeWithin(interval, INTERVAL_MS))
    note('interval_ms', `must be a whole number from ${INTERVAL_MS.from} to ${INTERVAL_MS.to}`);
  note('timezone', findZoneProblem(timezone));
  note('starts_at', findTimeProblem(starts_at));
  note('ends_at', findTimeProblem(ends_at));
  if (starts_at !== null && ends_at !== null && ends_at <= starts_at)
    note('ends_at', 'must be after starts_at');
  return problems;
}

function findCronProblem(expression: string): string | undefined {
  try {
    // From a leap year on: 29 February comes again.
    const first = nextCronFire(cronPattern(expression), timeZone('UTC'), Date.UTC(2000, 0));
    return first === null ? 'must fit some day: this one never comes' : undefined;
  } catch (error) {
    return `must be a cron expression: ${messageOf(error).replace(/^CronPattern: /, '')}`;
  }
}

function findZoneProblem(name: string): string | undefined {
  try {
    timeZone(name);
    return undefined;
  } catch {
    return 'must be an IANA time zone, such as Europe/Berlin or UTC';
  }
}

function findTimeProblem(time: Date | null): string | undefined {
  if (time === null || (Number(time) >= EARLIEST && Number(time) <= LATEST)) return undefined;
  return OUTSIDE_YEARS;
}

function checkName(name: string): FieldProblem[] {
  if (NAME.test(name)) return [];
  const problem =
    'must be 1 to 200 of letters, digits, "_", ".", ":" and "-", beginning with a letter or digit';
  return [{ field: 'name', problem }];
}

function checkJob(spec: ScheduleSpec, { maxPayloadBytes = DEFAULT_MOST_BYTES }: JobDefaults): FieldProblem[] {
  const { job_type, queue, priority, payload, max_retries, timeout_ms, created_by } = spec;
  const problems: FieldProblem[] = [];
  const note = (field: string, isRight: boolean, problem: string) => {
    if (!isRight) problems.push({ field, problem });
  };
  const hasType = typeof job_type === 'string' && job_type.length >= 1 && job_type.length <= LONGEST_TYPE;
  note('job_type', hasType, `must have 1 to ${LONGEST_TYPE} characters`);
  note('queue', isQueueName(queue), QUEUE_NAME_RULE);
  note('priority', isWholeWithin(priority, PRIORITY), `must be a whole number ${span(PRIORITY)}`);
  const hasRetries = max_retries === null || isWholeWithin(max_retries, MAX_RETRIES);
  note('max_retries', hasRetries, `must be ${span(MAX_RETRIES)}`);
  const hasTimeout = timeout_ms === null || isWholeWithin(timeout_ms, TIMEOUT_MS);
  note('timeout_ms', hasTimeout, `must be ${span(TIMEOUT_MS)}`);
  const hasAuthor = created_by === null || created_by.length <= LONGEST_NAME;
  note('created_by', hasAuthor, `must have at most ${LONGEST_NAME} characters`);
  const problem = findProblem(payload, {
    mostBytes: maxPayloadBytes,
    advice: 'store it elsewhere and give a reference to it',
  });
  note('payload', problem === undefined, problem ?? '');
  return problems;
}

function checkPolicies({ misfire_policy, overlap_policy, max_catch_up }: ScheduleSpec): FieldProblem[] {
  const problems: FieldProblem[] = [];
  if (!MISFIRE_POLICIES.includes(misfire_policy))
    problems.push({ field: 'misfire_policy', problem: `must be one of ${MISFIRE_POLICIES.join(', ')}` });
  if (!OVERLAP_POLICIES.includes(overlap_policy))
    problems.push({ field: 'overlap_policy', problem: `must be one of ${OVERLAP_POLICIES.join(', ')}` });
  if (!isWholeWithin(max_catch_up, CATCH_UP))
    problems.push({ field: 'max_catch_up', problem: `must be a whole number ${span(CATCH_UP)}` });
  return problems;
}

const span = ({ from, to }: Range): string => `from ${from} to ${to}`;
