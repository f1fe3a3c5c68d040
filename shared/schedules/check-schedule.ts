import { HoldfastError, messageOf, type FieldProblem } from '../errors.js';
import type { JobDefaults } from '../installation.js';
import { DEFAULT_MOST_BYTES, findProblem } from '../jobs/storable-json.js';
import { EARLIEST, LATEST, OUTSIDE_YEARS } from '../time/years.js';
import { nextCronFire } from './cron-fires.js';
import { cronPattern } from './cron-pattern.js';
import { MISFIRE_POLICIES, OVERLAP_POLICIES, type ScheduleSpec } from './schedule.js';
import { timeZone } from './time-zone.js';

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,199}$/;
const QUEUE = /^[a-z0-9][a-z0-9_.-]{0,62}$/;
const SHORTEST_MS = 1_000;
const LONGEST_MS = 10 * 365 * 86_400_000;
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

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
  if (interval !== null && !isWholeWithin(interval, SHORTEST_MS, LONGEST_MS))
    note('interval_ms', `must be a whole number from ${SHORTEST_MS} to ${LONGEST_MS}`);
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
  const hasType = typeof job_type === 'string' && job_type.length >= 1 && job_type.length <= 100;
  note('job_type', hasType, 'must have 1 to 100 characters');
  note('queue', QUEUE.test(queue), 'must match [a-z0-9][a-z0-9_.-]{0,62}');
  note('priority', isWholeWithin(priority, 0, 100), 'must be a whole number from 0 to 100');
  note('max_retries', max_retries === null || isWholeWithin(max_retries, 0, 1_000), 'must be from 0 to 1000');
  const hasTimeout = timeout_ms === null || isWholeWithin(timeout_ms, 1, LONGEST_TIMEOUT_MS);
  note('timeout_ms', hasTimeout, `must be from 1 to ${LONGEST_TIMEOUT_MS}`);
  note('created_by', created_by === null || created_by.length <= 255, 'must have at most 255 characters');
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
  if (!isWholeWithin(max_catch_up, 1, 1_000))
    problems.push({ field: 'max_catch_up', problem: 'must be a whole number from 1 to 1000' });
  return problems;
}

const isWholeWithin = (value: number, least: number, most: number): boolean =>
  Number.isSafeInteger(value) && value >= least && value <= most;
