import { z } from 'zod';
import {
  HIGHEST_RATE_PER_SECOND,
  LOWEST_RATE_PER_SECOND,
  DEFAULT_RATE_PER_SECOND,
} from '../../shared/dead-letters/replay-dead-letters.js';
import { MOST_LETTERS } from '../../shared/dead-letters/open-letters.js';
import {
  idText,
  jobId,
  jobStatus,
  jsonObject,
  listFilter,
  ofQueueAndType,
  queueName,
  success,
  text,
  time,
  wholeNumber,
} from './common.js';
import { execution } from './jobs.js';

export const DEFAULT_LIMIT = 50;
export const DEFAULT_BULK_LIMIT = 1_000;

const nullable = { text: z.string().nullable(), time: time.nullable() };
const json = z.unknown().meta({ description: 'Any JSON value.' });
const letterId = jobId.meta({ description: 'A dead letter’s id.', examples: [7] });
const note = text(2_000);

const REASONS = ['max_retries', 'permanent', 'poison', 'dependency'] as const;
const STATUSES = ['open', 'replayed', 'discarded'] as const;

const status = listFilter(
  z.enum([...STATUSES, 'any']).meta({ description: 'Default `open`.', default: 'open' }),
);

export const letterParams = z.strictObject({ id: idText });

export const letterListQuery = z.strictObject({
  status,
  ...ofQueueAndType,
  error_class: listFilter(text(255)),
  fingerprint: listFilter(text(100)),
  reason: listFilter(z.enum(REASONS)),
  limit: wholeNumber(1, 1_000, DEFAULT_LIMIT),
  cursor: idText.optional().meta({ description: 'The `next_cursor` of the page before.' }),
});

export const groupQuery = z.strictObject({
  status,
  ...ofQueueAndType,
  limit: wholeNumber(1, 1_000, DEFAULT_LIMIT),
});

const letterFields = {
  id: letterId,
  job_id: jobId,
  queue: z.string(),
  job_type: z.string(),
  status: z.enum(STATUSES),
  reason: z.enum(REASONS),
  error_message: nullable.text,
  error_class: nullable.text,
  fingerprint: z.string().meta({ description: 'Alike errors of one job type have the same.' }),
  attempts: z.int(),
  created_at: time,
  reviewed_at: nullable.time,
  reviewed_by: nullable.text,
  note: nullable.text,
  replayed_job_id: jobId.nullable().meta({ description: 'The same job; a new one where that was deleted.' }),
  is_corrected: z.boolean().meta({ description: 'Replayed with another payload.' }),
};

const listedLetter = z
  .object({
    ...letterFields,
    payload: json,
    is_payload_omitted: z.boolean().meta({ description: 'Too large for a list; the letter itself has it.' }),
  })
  .meta({ id: 'ListedDeadLetter' });

const pagination = z.object({ limit: z.int(), has_more: z.boolean(), next_cursor: z.int().nullable() });

export const letterListAnswer = z.object({ success, dead_letters: z.array(listedLetter), pagination });

const group = z
  .object({
    fingerprint: z.string(),
    job_type: z.string(),
    error_class: nullable.text,
    error_message: nullable.text.meta({ description: 'Of the latest one.' }),
    count: z.int(),
    first_seen: time,
    last_seen: time,
    queues: z.array(z.string()),
  })
  .meta({ id: 'DeadLetterGroup' });

export const groupAnswer = z.object({ success, groups: z.array(group), has_more: z.boolean() });

export const letterAnswer = z.object({
  success,
  dead_letter: z
    .object({
      ...letterFields,
      payload: json.meta({ description: 'What the job died of.' }),
      replayed_payload: json.meta({ description: 'What it was replayed with, when that was corrected.' }),
      job_status: jobStatus
        .nullable()
        .meta({ description: 'Of the job it was replayed as, or else of its own; null: deleted.' }),
      executions: z.array(execution),
      replays: z.array(z.object(letterFields)).meta({
        description: 'Each time that the job, or one it was replayed from or as, died; oldest first.',
      }),
    })
    .meta({ id: 'DeadLetter' }),
});

export const noteBody = z
  .strictObject({ note: note.nullable().meta({ description: 'Null takes it off.' }) })
  .meta({ id: 'NoteDeadLetter', examples: [{ note: 'asked the bank; waits for them' }] });

export const replayBody = z
  .strictObject({
    payload: jsonObject('Instead of the one the job died of. The same limits as on submit.').optional(),
    note: note.optional(),
  })
  .meta({
    id: 'ReplayDeadLetter',
    examples: [{ payload: { to: 'ada@example.org' }, note: 'address mended' }],
  })
  .nullish();

export const replayAnswer = z
  .object({
    success,
    message: z.string(),
    job_id: jobId,
    dead_letter_id: letterId,
    already_replayed: z
      .boolean()
      .meta({ description: 'True: somebody was faster, and nothing was changed.' }),
  })
  .meta({ id: 'ReplayedDeadLetter' });

export const discardQuery = z.strictObject({ note: note.optional() });

export const discardAnswer = z
  .object({ success, message: z.string(), dead_letter_id: letterId, already_discarded: z.boolean() })
  .meta({ id: 'DiscardedDeadLetter' });

/** A filter that was forgotten must not mean everything. */
const namesSomething = z.check<Record<string, unknown>>(({ value, issues }) => {
  const given = Object.values(value).filter((one) => one !== undefined).length;
  if (given === 0) {
    const message =
      'must name at least one of queue, job_type, error_class, fingerprint, reason and ids, or say all: true';
    issues.push({ code: 'custom', message, input: value });
  } else if (value.all !== undefined && given > 1) {
    issues.push({ code: 'custom', message: 'must stand alone', path: ['all'], input: value });
  }
});

const filter = z
  .strictObject({
    queue: queueName.optional(),
    job_type: text(100).optional(),
    error_class: text(255).optional(),
    fingerprint: text(100).optional(),
    reason: z.enum(REASONS).optional(),
    ids: z.array(letterId).min(1).max(10_000).optional(),
    all: z.literal(true).optional().meta({ description: 'Alone: every open one.' }),
  })
  .check(namesSomething)
  .meta({
    id: 'DeadLetterFilter',
    description: 'The open dead letters that all of it is true of.',
    examples: [{ queue: 'mail', error_class: 'transient' }],
  });

export type BulkFilter = z.output<typeof filter>;

const limit = z
  .int(`must be a whole number from 1 to ${MOST_LETTERS}`)
  .min(1, `must be from 1 to ${MOST_LETTERS}`)
  .max(MOST_LETTERS, `must be from 1 to ${MOST_LETTERS}`)
  .optional()
  .meta({ description: 'Letters at most, the oldest first. Default 1000.', default: DEFAULT_BULK_LIMIT });

const dryRun = z
  .boolean()
  .optional()
  .meta({ description: 'Count only; nothing is changed.', default: false });

const RATE_RULE = `must be a number from ${LOWEST_RATE_PER_SECOND} to ${HIGHEST_RATE_PER_SECOND}`;

export const bulkReplayBody = z
  .strictObject({
    filter,
    rate_per_second: z
      .number(RATE_RULE)
      .min(LOWEST_RATE_PER_SECOND, RATE_RULE)
      .max(HIGHEST_RATE_PER_SECOND, RATE_RULE)
      .optional()
      .meta({
        description: 'How many of the jobs become due in a second. Default 100.',
        default: DEFAULT_RATE_PER_SECOND,
      }),
    limit,
    note: note.optional(),
    dry_run: dryRun,
  })
  .meta({
    id: 'ReplayDeadLetters',
    examples: [{ filter: { fingerprint: '9f86d081884c7d65' }, rate_per_second: 50, dry_run: true }],
  });

export const bulkDiscardBody = z
  .strictObject({ filter, limit, note: note.optional(), dry_run: dryRun })
  .meta({
    id: 'DiscardDeadLetters',
    examples: [{ filter: { job_type: 'newsletter' }, note: 'last year’s' }],
  });

const bulkFields = {
  success,
  count: z.int().meta({ description: 'Letters acted on; on a dry run, that would be.' }),
  skipped: z.int().meta({
    description:
      'Left open: locked by somebody else, or the job’s unique key is taken, or it has not failed.',
  }),
  has_more: z.boolean().meta({ description: 'More letters fit than `limit` allowed.' }),
  dry_run: z.boolean(),
};

export const bulkDiscardAnswer = z.object(bulkFields).meta({ id: 'DiscardedDeadLetters' });

export const bulkReplayAnswer = z
  .object({
    ...bulkFields,
    rate_per_second: z.number(),
    last_due_at: nullable.time.meta({ description: 'When the last of the jobs becomes due.' }),
  })
  .meta({ id: 'ReplayedDeadLetters' });
