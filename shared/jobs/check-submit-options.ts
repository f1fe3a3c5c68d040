import { types } from 'node:util';
import {
  findBadValues,
  isWholeWithin,
  must,
  number,
  oneOf,
  refuseFields,
  toRules,
  wholeNumber,
  type BadValue,
  type Rule,
} from '../rules.js';
import { EARLIEST, LATEST, OUTSIDE_YEARS } from '../time/years.js';
import { jobId } from './check-job-id.js';
import {
  DELAY_MS,
  DEPENDENCY_POLICIES,
  JOB_ID,
  LONGEST_KEY,
  LONGEST_NAME,
  LONGEST_TAG,
  MAX_RETRIES,
  MOST_TAGS,
  PRIORITY,
  queueName,
  text,
  TIMEOUT_MS,
  UNIQUE_POLICIES,
} from './job-limits.js';
import type { Dependency, NewJob } from './new-job.js';

/** What a submit may say of its jobs beyond type and payload. */
export type JobFields = Partial<Omit<NewJob, 'jobType' | 'payload'>>;

const time: Rule = (value, field, bad) => {
  const at = types.isDate(value) ? value.getTime() : NaN;
  if (Number.isNaN(at)) bad.push({ field, problem: 'must be a Date, and a valid one', value });
  else if (at < EARLIEST || at > LATEST) bad.push({ field, problem: OUTSIDE_YEARS, value });
};

const policy = oneOf(DEPENDENCY_POLICIES);

/** The names of its parts are made only for those that are wrong: there may be a hundred thousand. */
const dependencies: Rule = (value, field, bad) => {
  if (!Array.isArray(value)) {
    bad.push({ field, problem: 'must be an array of {jobId, onFailure}', value });
    return;
  }
  for (const [index, dependency] of value.entries()) {
    const { jobId: id, onFailure } = (dependency ?? {}) as Partial<Dependency>;
    if (!isWholeWithin(id, JOB_ID)) jobId(id, `${field}.${index}.jobId`, bad);
    if (onFailure !== undefined) policy(onFailure, `${field}.${index}.onFailure`, bad);
  }
};

const tag = text(LONGEST_TAG);

const tags: Rule = (value, field, bad) => {
  if (!Array.isArray(value) || value.length > MOST_TAGS)
    bad.push({ field, problem: `must be an array of at most ${MOST_TAGS} texts`, value });
  else value.forEach((item, index) => tag(item, `${field}.${index}`, bad));
};

const isObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What is inside metadata is checked with the payload, as JSON. */
const RULES = toRules({
  queue: queueName,
  priority: wholeNumber(PRIORITY),
  maxRetries: wholeNumber(MAX_RETRIES),
  timeoutMs: wholeNumber(TIMEOUT_MS),
  scheduledAt: time,
  delayMs: number(DELAY_MS),
  dependsOn: dependencies,
  metadata: must(isObject, 'must be an object'),
  tags,
  createdBy: text(LONGEST_NAME),
  uniqueKey: text(LONGEST_KEY),
  uniquePolicy: oneOf(UNIQUE_POLICIES),
  idempotencyKey: text(LONGEST_KEY),
} satisfies Record<keyof JobFields, Rule>);

/**
 * Whether jobs can be submitted like this; once for all of them, and cheap where nothing is said. What is wrong would otherwise be found by
 * PostgreSQL, which does not say where, or become the default.
 *
 * @throws HoldfastError `validation_failed` naming each field
 */
export function checkSubmitOptions(options: JobFields): void {
  const bad = findBadValues(options, RULES);
  noteContradictions(options, bad);
  refuseFields(bad);
}

/** The rules about two fields. */
function noteContradictions(options: JobFields, bad: BadValue[]): void {
  const { scheduledAt, delayMs, uniqueKey, uniquePolicy } = options;
  if (scheduledAt !== undefined && delayMs !== undefined)
    bad.push({ field: 'delayMs', problem: 'must not be given together with scheduledAt', value: delayMs });
  if (uniquePolicy !== undefined && uniqueKey === undefined)
    bad.push({
      field: 'uniquePolicy',
      problem: 'must be given together with uniqueKey',
      value: uniquePolicy,
    });
}

/** @throws HoldfastError `validation_failed` naming each of them that cannot be one */
export function checkDependencies(id: number, dependsOn: readonly Dependency[]): void {
  const bad: BadValue[] = [];
  jobId(id, 'jobId', bad);
  dependencies(dependsOn, 'dependsOn', bad);
  refuseFields(bad);
}
