import { z } from 'zod';
import { jobId, jobStatus, jsonObject, queueName, success, text, time } from './common.js';

const priority = z
  .int('must be a whole number from 0 to 100')
  .min(0, 'must be from 0 to 100')
  .max(100, 'must be from 0 to 100')
  .meta({ description: 'Higher first. Default 50.', default: 50, examples: [50] });

const LONGEST_MS = 2 ** 31 - 1;
const TEN_YEARS_MS = 10 * 365 * 86_400_000;

const isoTime = z.iso
  .datetime({
    offset: true,
    error: 'must be an ISO 8601 time with a time zone, such as 2030-01-31T09:00:00Z',
  })
  // The pattern that zod would show is right, and ten lines long.
  .meta({ description: 'Not before this time.', examples: ['2030-01-31T09:00:00Z'], pattern: undefined });

const dependency = z
  .union(
    [
      jobId,
      z.strictObject({
        job_id: jobId,
        on_failure: z
          .enum(['block', 'cancel', 'run'])
          .optional()
          .meta({ description: 'When that job fails: wait for ever (default), be cancelled, run anyway.' }),
      }),
    ],
    'must be a job’s id, or {job_id, on_failure}',
  )
  .meta({ examples: [41, { job_id: 40, on_failure: 'cancel' }] });

const SUBMIT_EXAMPLE = {
  job_type: 'email_notification',
  payload: { to: 'ada@example.org', subject: 'Hello' },
  queue: 'mail',
  priority: 80,
};

const fields = {
  job_type: text(100).meta({ description: 'Selects the handler.', examples: ['email_notification'] }),
  payload: jsonObject(
    'What the handler is given. An object; as JSON at most 1 MiB where nothing else is configured.',
  ),
  queue: queueName.optional(),
  priority: priority.optional(),
  max_retries: z.int().min(0).max(1_000).optional().meta({ description: 'Default 3.', default: 3 }),
  timeout_ms: z
    .int()
    .min(1)
    .max(LONGEST_MS)
    .optional()
    .meta({ description: 'For one attempt. Default 300000.', default: 300_000 }),
  scheduled_at: isoTime.optional(),
  delay_ms: z
    .int()
    .min(0)
    .max(TEN_YEARS_MS)
    .optional()
    .meta({ description: 'Not before this long from now, by the database’s clock.' }),
  depends_on: z
    .array(dependency)
    .max(1_000)
    .optional()
    .meta({ description: 'Jobs that must complete first.' }),
  metadata: jsonObject('Kept with the job; handlers see it.').optional(),
  tags: z.array(text(64)).max(20).optional(),
  unique_key: text(255)
    .optional()
    .meta({ description: 'At most one unfinished job has it; submitting another returns the first.' }),
  created_by: text(255).optional(),
};

/** The one rule about two fields. */
const onlyOneTime = z.check<{ scheduled_at?: unknown; delay_ms?: unknown }>(({ value, issues }) => {
  if (value.scheduled_at === undefined || value.delay_ms === undefined) return;
  issues.push({
    code: 'custom',
    message: 'must not be given together with scheduled_at',
    path: ['delay_ms'],
    input: value,
  });
});

export const submitBody = z
  .strictObject(fields)
  .check(onlyOneTime)
  .meta({ id: 'SubmitJob', examples: [SUBMIT_EXAMPLE] });

export const idempotencyKey = text(255).meta({
  description: 'The same key and body: the first job again, with 200. Another body: 409.',
});

const batchItem = z
  .strictObject({ ...fields, idempotency_key: idempotencyKey.optional() })
  .check(onlyOneTime)
  .meta({ id: 'BatchItem' });

export const batchBody = z
  .strictObject({ jobs: z.array(batchItem).min(1).max(10_000) })
  .meta({ id: 'SubmitBatch', examples: [{ jobs: [SUBMIT_EXAMPLE, SUBMIT_EXAMPLE] }] });

export type SubmitBody = z.output<typeof submitBody>;
export type BatchItem = z.output<typeof batchItem>;

/** Loose: the other headers are not ours to judge. */
export const submitHeaders = z.looseObject({ 'idempotency-key': idempotencyKey.optional() });

export const submitAnswer = z.object({ success, job_id: jobId, status: jobStatus, created_at: time }).meta({
  id: 'Submitted',
  examples: [{ success: true, job_id: 42, status: 'pending', created_at: '2030-01-31T09:00:00.000Z' }],
});

export const batchAnswer = z
  .object({ success, job_ids: z.array(jobId) })
  .meta({ id: 'SubmittedBatch', examples: [{ success: true, job_ids: [42, 43] }] });
