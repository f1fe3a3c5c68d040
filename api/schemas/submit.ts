import { z } from 'zod';
import {
  DELAY_MS,
  DEPENDENCY_POLICIES,
  LONGEST_KEY,
  LONGEST_NAME,
  LONGEST_TAG,
  LONGEST_TYPE,
  MAX_RETRIES,
  MOST_TAGS,
  PRIORITY,
  TIMEOUT_MS,
  UNIQUE_POLICIES,
} from '../../shared/jobs/job-limits.js';
import { isoTime, jobId, jobStatus, jsonObject, queueName, success, text, time } from './common.js';

const WITHIN = `from ${PRIORITY.from} to ${PRIORITY.to}`;

const priority = z
  .int(`must be a whole number ${WITHIN}`)
  .min(PRIORITY.from, `must be ${WITHIN}`)
  .max(PRIORITY.to, `must be ${WITHIN}`)
  .meta({ description: 'Higher first. Default 50.', default: 50, examples: [50] });

const dependency = z
  .union(
    [
      jobId,
      z.strictObject({
        job_id: jobId,
        on_failure: z
          .enum(DEPENDENCY_POLICIES)
          .nullish()
          .meta({ description: 'When that job fails: wait for ever (default), be cancelled, run anyway.' }),
      }),
    ],
    'must be a job’s id, or {job_id, on_failure}',
  )
  .meta({ examples: [41, { job_id: 40, on_failure: 'cancel' }] });

/** The largest fan-in that a request of the default size has room for. */
const dependencies = z.array(dependency).max(100_000);

const SUBMIT_EXAMPLE = {
  job_type: 'email_notification',
  payload: { to: 'ada@example.org', subject: 'Hello', text: 'Hi' },
  queue: 'mail',
  priority: 80,
};

/** What may be left out may also be null: clients write every field that they know. */
const fields = {
  job_type: text(LONGEST_TYPE).meta({
    description: 'Selects the handler.',
    examples: ['email_notification'],
  }),
  payload: jsonObject(
    'What the handler is given. An object; as JSON at most 1 MiB where nothing else is configured.',
  ),
  queue: queueName.nullish(),
  priority: priority.nullish(),
  max_retries: z
    .int()
    .min(MAX_RETRIES.from)
    .max(MAX_RETRIES.to)
    .nullish()
    .meta({ description: 'Default 3.', default: 3 }),
  timeout_ms: z
    .int()
    .min(TIMEOUT_MS.from)
    .max(TIMEOUT_MS.to)
    .nullish()
    .meta({ description: 'For one attempt. Default 300000.', default: 300_000 }),
  scheduled_at: isoTime('Not before this time.').nullish(),
  delay_ms: z
    .int()
    .min(DELAY_MS.from)
    .max(DELAY_MS.to)
    .nullish()
    .meta({ description: 'Not before this long from now, by the database’s clock.' }),
  depends_on: dependencies.nullish().meta({ description: 'Jobs that must complete first.' }),
  metadata: jsonObject('Kept with the job; handlers see it.').nullish(),
  tags: z.array(text(LONGEST_TAG)).max(MOST_TAGS).nullish(),
  unique_key: text(LONGEST_KEY).nullish().meta({
    description: 'At most one unfinished job has it; `unique_policy` says what submitting another does.',
  }),
  unique_policy: z.enum(UNIQUE_POLICIES).nullish().meta({
    description:
      'When an unfinished job has the unique_key: return it (default), or replace its payload, and priority and time where given, while it waits. One that runs, or is of another type, stays as it is.',
    default: 'return_existing',
  }),
  created_by: text(LONGEST_NAME).nullish(),
};

interface Together {
  scheduled_at?: unknown;
  delay_ms?: unknown;
  unique_key?: unknown;
  unique_policy?: unknown;
}

const isGiven = (value: unknown): boolean => value !== undefined && value !== null;

/** The rules about two fields. */
const fitTogether = z.check<Together>(({ value, issues }) => {
  const refuse = (field: string, message: string) =>
    issues.push({ code: 'custom', message, path: [field], input: value });
  if (isGiven(value.scheduled_at) && isGiven(value.delay_ms))
    refuse('delay_ms', 'must not be given together with scheduled_at');
  if (isGiven(value.unique_policy) && !isGiven(value.unique_key))
    refuse('unique_policy', 'must be given together with unique_key');
});

export const submitBody = z
  .strictObject(fields)
  .check(fitTogether)
  .meta({ id: 'SubmitJob', examples: [SUBMIT_EXAMPLE] });

export const idempotencyKey = text(LONGEST_KEY).meta({
  description: 'The same key and body: the first job again, with 200. Another body: 409.',
});

const batchItem = z
  .strictObject({ ...fields, idempotency_key: idempotencyKey.nullish() })
  .check(fitTogether)
  .meta({ id: 'BatchItem' });

export const batchBody = z
  .strictObject({ jobs: z.array(batchItem).min(1).max(10_000) })
  .meta({ id: 'SubmitBatch', examples: [{ jobs: [SUBMIT_EXAMPLE, SUBMIT_EXAMPLE] }] });

export const dependenciesBody = z
  .strictObject({ depends_on: dependencies.min(1) })
  .meta({ id: 'AddDependencies', examples: [{ depends_on: [41, { job_id: 40, on_failure: 'cancel' }] }] });

export type SubmitBody = z.output<typeof submitBody>;
export type BatchItem = z.output<typeof batchItem>;

/** Loose: the other headers are not ours to judge. */
export const submitHeaders = z.looseObject({ 'idempotency-key': idempotencyKey.optional() });

export const submitAnswer = z
  .object({
    success,
    job_id: jobId,
    status: jobStatus,
    created_at: time,
    is_existing: z.boolean().meta({ description: 'A job with the same key was there already; this is it.' }),
    was_replaced: z
      .boolean()
      .meta({ description: 'That job was waiting, and has the new payload: whoever runs it sees that.' }),
  })
  .meta({
    id: 'Submitted',
    examples: [
      {
        success: true,
        job_id: 42,
        status: 'pending',
        created_at: '2030-01-31T09:00:00.000Z',
        is_existing: false,
        was_replaced: false,
      },
    ],
  });

export const batchAnswer = z
  .object({
    success,
    job_ids: z.array(jobId),
    existing: z
      .number()
      .int()
      .meta({ description: 'How many of them were there already: a job with the same key.' }),
  })
  .meta({ id: 'SubmittedBatch', examples: [{ success: true, job_ids: [42, 43], existing: 0 }] });
