import { findBadValues, must, number, toRules, under, wholeNumber, type BadValue } from '../rules.js';
import {
  LONGEST_TYPE,
  MAX_RETRIES,
  PRIORITY,
  queueName,
  RETRY_DELAY_MS,
  RETRY_MULTIPLIER,
  text,
  TIMEOUT_MS,
} from './job-limits.js';

const isFunction = (value: unknown): boolean => typeof value === 'function';

/** By its shape: the caller may have another copy of zod. */
const isSchema = (value: unknown): boolean =>
  isFunction((value as { safeParse?: unknown } | null)?.safeParse);

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;

const RULES = toRules({
  type: text(LONGEST_TYPE),
  payload: must(isSchema, 'must be a zod schema'),
  queue: queueName,
  priority: wholeNumber(PRIORITY),
  timeoutMs: wholeNumber(TIMEOUT_MS),
  retry: must(isObject, 'must be an object'),
  run: must(isFunction, 'must be a function'),
});

const RETRY_RULES = toRules({
  maxRetries: wholeNumber(MAX_RETRIES),
  baseDelayMs: wholeNumber(RETRY_DELAY_MS),
  multiplier: number(RETRY_MULTIPLIER),
  maxDelayMs: wholeNumber(RETRY_DELAY_MS),
});

/** What is wrong with a job type; it may come from plain JavaScript, and need not be made by `defineJob`. */
export function findBadDefinition(definition: unknown): BadValue[] {
  const { type = null, payload = null, run = null, ...rest } = (definition ?? {}) as Record<string, unknown>;
  const bad = findBadValues({ type, payload, ...rest, run }, RULES);
  return [...bad, ...findBadRetries(rest.retry, 'retry')];
}

/** What is wrong with the parts of a retry policy. */
export const findBadRetries = (policy: unknown, field: string): BadValue[] =>
  isObject(policy) ? under(field, findBadValues(policy as object, RETRY_RULES)) : [];
