import { must, type Rule } from '../rules.js';
import { LONGEST_MS } from '../time/longest.js';
import { isStorableText, UNSTORABLE } from './storable-text.js';

/**
 * What a job may be, the same for all who are checked before anything is stored: API, library, schedules, configuration. The truth
 * are the domains and columns of migrations/0001_jobs.sql, for plain SQL too; nothing here is wider than they are.
 */
export const QUEUE_NAME = /^[a-z0-9][a-z0-9_.-]{0,62}$/;
export const QUEUE_NAME_RULE = 'must match [a-z0-9][a-z0-9_.-]{0,62}';
export const isQueueName = (value: unknown): boolean => typeof value === 'string' && QUEUE_NAME.test(value);

export const JOB_ID = { from: 1, to: Number.MAX_SAFE_INTEGER };
export const PRIORITY = { from: 0, to: 100 };
export const MAX_RETRIES = { from: 0, to: 1_000 };
export const TIMEOUT_MS = { from: 1, to: LONGEST_MS };
/** Ten years. A part of a millisecond does no harm. */
export const DELAY_MS = { from: 0, to: 10 * 365 * 86_400_000 };

/** Of the retry policy. */
export const RETRY_DELAY_MS = { from: 0, to: LONGEST_MS };
export const RETRY_MULTIPLIER = { from: 1, to: 100 };

/** In characters. */
export const LONGEST_TYPE = 100;
export const LONGEST_KEY = 255;
export const LONGEST_NAME = 255;
export const LONGEST_TAG = 64;
export const MOST_TAGS = 20;

export const DEPENDENCY_POLICIES = ['block', 'cancel', 'run'] as const;
export const UNIQUE_POLICIES = ['return_existing', 'replace_payload'] as const;

export const queueName: Rule = must(isQueueName, QUEUE_NAME_RULE);

export const text =
  (longest: number): Rule =>
  (value, field, bad) => {
    if (typeof value !== 'string' || value === '' || value.length > longest)
      bad.push({ field, problem: `must be a text of 1 to ${longest} characters`, value });
    else if (!isStorableText(value)) bad.push({ field, problem: UNSTORABLE, value });
  };
