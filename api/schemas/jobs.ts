import { z } from 'zod';
import { LONGEST_NAME, LONGEST_TAG } from '../../shared/jobs/job-limits.js';
import {
  idText,
  jobId,
  jobStatus,
  listFilter,
  ofQueueAndType,
  success,
  text,
  time,
  wholeNumber,
} from './common.js';

const nullable = { text: z.string().nullable(), time: time.nullable(), int: z.int().nullable() };
const json = z.unknown().meta({ description: 'Any JSON value.' });

const jobFields = {
  id: jobId,
  queue: z.string(),
  job_type: z.string(),
  status: jobStatus,
  state: z
    .enum(['running', 'completed', 'failed', 'cancelled', 'scheduled', 'blocked', 'paused', 'ready'])
    .meta({ description: 'The status; of a pending job, what it waits for.' }),
  reason: z.string().meta({ description: 'Why the job is in this state.' }),
  priority: z.int(),
  payload: json,
  result: json,
  error_message: nullable.text,
  error_class: nullable.text,
  attempt: z.int(),
  retry_count: z.int(),
  max_retries: z.int(),
  timeout_ms: z.int(),
  lost_count: z.int(),
  unmet_dependencies: z.int(),
  progress: nullable.int,
  scheduled_at: nullable.time,
  released_at: nullable.time,
  ready_at: time,
  started_at: nullable.time,
  completed_at: nullable.time,
  created_at: time,
  updated_at: time,
  created_by: nullable.text,
  worker_id: nullable.text,
  metadata: z.record(z.string(), z.unknown()).nullable(),
  tags: z.array(z.string()).nullable(),
  unique_key: nullable.text,
  idempotency_key: nullable.text.meta({ description: 'As it was given with the submit.' }),
};

const listedJob = z
  .object({
    ...jobFields,
    is_payload_omitted: z.boolean().meta({ description: 'Too large for a list; the job itself has it.' }),
    is_result_omitted: z.boolean(),
    is_metadata_omitted: z.boolean(),
  })
  .meta({ id: 'ListedJob' });

const logLine = z.object({ at: z.string(), level: z.string(), message: z.string() });

export const execution = z
  .object({
    attempt: z.int(),
    worker_id: nullable.text,
    status: z.enum(['completed', 'failed', 'timed_out', 'cancelled', 'lost', 'released']),
    started_at: time,
    finished_at: time,
    duration_ms: z.int(),
    error_message: nullable.text,
    error_class: nullable.text,
    error_stack: nullable.text,
    logs: z.array(logLine).nullable(),
  })
  .meta({ id: 'Execution' });

const neighbour = z
  .object({
    job_id: jobId,
    on_failure: z.enum(['block', 'cancel', 'run']),
    satisfied_at: nullable.time,
    status: jobStatus,
  })
  .meta({ id: 'Dependency' });

const deadLetter = z
  .object({
    id: jobId.meta({ description: 'A dead letter’s id.' }),
    job_id: jobId,
    status: z.enum(['open', 'replayed', 'discarded']),
    reason: z.enum(['max_retries', 'permanent', 'poison', 'dependency']),
    attempts: z.int(),
    created_at: time,
    reviewed_at: nullable.time,
    replayed_job_id: nullable.int,
  })
  .meta({ id: 'DeadLetterOfJob' });

export const jobAnswer = z.object({
  success,
  job: z
    .object({
      ...jobFields,
      executions: z.array(execution).meta({ description: 'The last 1,000, in the order of their attempts.' }),
      executions_total: z.int().meta({
        description: 'How many are on record. More than there are in `executions`: it leaves out the oldest.',
      }),
      depends_on: z.array(neighbour).meta({ description: 'The first 1,000.' }),
      dependents: z.array(neighbour).meta({ description: 'The first 1,000.' }),
      dead_letters: z
        .array(deadLetter)
        .meta({ description: 'Each time it died; or the job it replays did.' }),
    })
    .meta({ id: 'Job' }),
});

/** All by id: that is the order of submission, and a cursor that no other row shares. */
export const SORTS = {
  '-created_at': 'newest',
  created_at: 'oldest',
  '-id': 'newest',
  id: 'oldest',
  desc: 'newest',
  asc: 'oldest',
} as const;

export const DEFAULT_LIMIT = 50;

export const listQuery = z
  .strictObject({
    status: listFilter(jobStatus),
    ...ofQueueAndType,
    created_by: listFilter(text(LONGEST_NAME)),
    tag: listFilter(text(LONGEST_TAG)),
    limit: wholeNumber(1, 1_000, DEFAULT_LIMIT),
    offset: wholeNumber(0, 1_000_000, 0),
    cursor: idText
      .optional()
      .meta({ description: 'The `next_cursor` of the page before. Cheap at any depth, unlike an offset.' }),
    sort: z
      .enum(Object.keys(SORTS) as (keyof typeof SORTS)[])
      .optional()
      .meta({
        description:
          'Newest first by default: `-created_at`, `-id` or `desc`. Ids are given in the order of submission, and the order is that of the ids: also by `created_at`, which may differ where rows were written with another time.',
        default: '-created_at',
      }),
  })
  .check(({ value, issues }) => {
    if (value.cursor === undefined || !value.offset) return;
    issues.push({
      code: 'custom',
      message: 'must not be given together with cursor',
      path: ['offset'],
      input: value,
    });
  });

export const listAnswer = z.object({
  success,
  jobs: z.array(listedJob),
  pagination: z
    .object({
      limit: z.int(),
      offset: z.int(),
      total: z.int(),
      total_is_exact: z.boolean().meta({ description: 'False beyond 10,000: `total` is an estimate.' }),
      has_more: z.boolean(),
      next_cursor: nullable.int,
    })
    .meta({ id: 'Pagination' }),
});

export const cancelQuery = z.strictObject({
  reason: text(1_000).optional().meta({ description: 'Kept as the job’s error_message.' }),
});

export const actionAnswer = z
  .object({ success, message: z.string(), job_id: jobId })
  .meta({ id: 'Done', examples: [{ success: true, message: 'job 42 is cancelled', job_id: 42 }] });
