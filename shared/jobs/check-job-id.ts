import { findBadValues, must, refuseFields, toRules, wholeNumber, type Rule } from '../rules.js';
import { JOB_ID } from './job-limits.js';

export const jobId: Rule = wholeNumber(JOB_ID);

const RULES = toRules({
  jobId,
  // Infinity is one: for as long as it takes.
  timeoutMs: must((value) => typeof value === 'number' && value >= 0, 'must be a number of at least 0'),
});

/** What PostgreSQL is not asked about: it would answer with an error of its own. @throws HoldfastError `validation_failed` */
export function checkJobId(id: unknown, timeoutMs?: unknown): void {
  // A missing id is a bad one.
  refuseFields(findBadValues({ jobId: id ?? null, timeoutMs }, RULES));
}
