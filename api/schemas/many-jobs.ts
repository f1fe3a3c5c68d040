import { z } from 'zod';
import { CANCELLABLE } from '../../shared/jobs/cancel-many.js';
import { DEFAULT_BULK_LIMIT, MOST_BULK } from '../../shared/jobs/change-many.js';
import { RETRYABLE } from '../../shared/jobs/retry-many.js';
import { jobId, queueName, success, text } from './common.js';

const MOST_IDS = 10_000;

const choice = {
  queue: queueName.optional(),
  job_type: text(100).optional(),
  error_class: text(255).optional(),
  tag: text(64).optional(),
  created_by: text(255).optional(),
  ids: z
    .array(jobId)
    .min(1, 'must name at least one job')
    .max(MOST_IDS, `must name at most ${MOST_IDS} jobs`)
    .optional(),
};

/** All jobs there are is never what was meant. */
const namesSomething = z.check<Record<string, unknown>>(({ value, issues }) => {
  if (Object.values(value).some((one) => one !== undefined)) return;
  const message = 'must name at least one of status, queue, job_type, error_class, tag, created_by and ids';
  issues.push({ code: 'custom', message, input: value });
});

const limit = z
  .int()
  .min(1, `must be from 1 to ${MOST_BULK}`)
  .max(MOST_BULK, `must be from 1 to ${MOST_BULK}`)
  .optional()
  .meta({ description: `Jobs at most. Default ${DEFAULT_BULK_LIMIT}.`, default: DEFAULT_BULK_LIMIT });

const dryRun = z
  .boolean()
  .optional()
  .meta({ description: 'Only count what would be changed. Default false.', default: false });

export const retryManyBody = z
  .strictObject({
    filter: z.strictObject({ status: z.enum(RETRYABLE).optional(), ...choice }).check(namesSomething),
    limit,
    dry_run: dryRun,
  })
  .meta({ id: 'RetryJobs', examples: [{ filter: { status: 'failed', queue: 'mail' }, dry_run: true }] });

export const cancelManyBody = z
  .strictObject({
    filter: z.strictObject({ status: z.enum(CANCELLABLE).optional(), ...choice }).check(namesSomething),
    reason: text(1_000).optional().meta({ description: 'Kept as the jobs’ error_message.' }),
    limit,
    dry_run: dryRun,
  })
  .meta({ id: 'CancelJobs', examples: [{ filter: { tag: 'import-7' }, reason: 'the import was wrong' }] });

export const manyAnswer = z
  .object({
    success,
    count: z.int().meta({ description: 'Jobs that were changed; in a dry run, that would be.' }),
    dry_run: z.boolean(),
    has_more: z
      .boolean()
      .meta({ description: 'More jobs match: beyond the limit, or held by another transaction. Ask again.' }),
  })
  .meta({
    id: 'ManyDone',
    examples: [{ success: true, count: 1_000, dry_run: false, has_more: true }],
  });
