import { findBadDefinition, findBadRetries } from '../shared/jobs/check-definition.js';
import { isQueueName, QUEUE_NAME_RULE } from '../shared/jobs/job-limits.js';
import {
  findBadValues,
  must,
  refuseSettings,
  toRules,
  under,
  wholeNumber,
  type BadValue,
  type Rule,
} from '../shared/rules.js';
import {
  ABORT_GRACE_MS,
  DEAD_AFTER_MS,
  HEARTBEAT_INTERVAL_MS,
  MAX_RESULT_BYTES,
  MAX_UNSETTLED,
  POLL_INTERVAL_MS,
  SHUTDOWN_TIMEOUT_MS,
  SLOTS,
} from '../shared/workers/worker-limits.js';
import type { WorkerSettings } from './worker-settings.js';

const slots = wholeNumber(SLOTS);
const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** Names, or an object with the slots of each. */
const queues: Rule = (value, field, bad) => {
  if (!isObject(value)) {
    bad.push({ field, problem: 'must be an array of names, or an object with the slots of each', value });
    return;
  }
  const names: readonly unknown[] = Array.isArray(value) ? value : Object.keys(value);
  if (names.length === 0) bad.push({ field, problem: 'must name at least one queue', value });
  for (const name of names)
    if (!isQueueName(name)) bad.push({ field: `a name in ${field}`, problem: QUEUE_NAME_RULE, value: name });
  if (Array.isArray(value)) return;
  for (const [name, own] of Object.entries(value)) if (own !== undefined) slots(own, `${field}.${name}`, bad);
};

const RULES = toRules({
  jobs: must(Array.isArray, 'must be an array of what defineJob makes'),
  queues,
  concurrency: slots,
  pollIntervalMs: wholeNumber(POLL_INTERVAL_MS),
  heartbeatIntervalMs: wholeNumber(HEARTBEAT_INTERVAL_MS),
  deadAfterMs: wholeNumber(DEAD_AFTER_MS),
  shutdownTimeoutMs: wholeNumber(SHUTDOWN_TIMEOUT_MS),
  abortGraceMs: wholeNumber(ABORT_GRACE_MS),
  retryPolicy: must(isObject, 'must be an object'),
  isDeadLetterEnabled: must((value) => typeof value === 'boolean', 'must be true or false'),
  maxUnsettled: wholeNumber(MAX_UNSETTLED),
  maxResultBytes: wholeNumber(MAX_RESULT_BYTES),
} satisfies Record<keyof WorkerSettings, Rule>);

/**
 * What nothing else would refuse: a worker of no slots takes nothing and says nothing, and a timer for NaN milliseconds fires at once, for
 * ever.
 *
 * @throws TypeError naming each setting, its value and what it must be
 */
export function checkSettings(settings: WorkerSettings): void {
  // Given by people who write plain JavaScript, too.
  const { jobs = null, retryPolicy } = settings as { jobs?: unknown; retryPolicy?: unknown };
  const bad: BadValue[] = findBadValues({ ...settings, jobs }, RULES);
  bad.push(...findBadRetries(retryPolicy, 'retryPolicy'));
  if (Array.isArray(jobs))
    bad.push(...jobs.flatMap((job: unknown, index) => under(`jobs.${index}`, findBadDefinition(job))));
  refuseSettings(bad);
}
