import { z } from 'zod';
import { JOB_ID, LONGEST_TYPE, QUEUE_NAME, QUEUE_NAME_RULE } from '../../shared/jobs/job-limits.js';
import { isStorableText, UNSTORABLE } from '../../shared/jobs/storable-text.js';
import { EARLIEST, LATEST, OUTSIDE_YEARS } from '../../shared/time/years.js';

export const text = (longest: number) => z.string().min(1).max(longest).refine(isStorableText, UNSTORABLE);

/** Beyond this PostgreSQL and JSON.stringify would give up with errors of their own. */
const DEEPEST = 200;

interface ValueProblem {
  readonly path: string[];
  readonly problem: string;
}

/** The first part of a JSON value that PostgreSQL could not store as it is, or undefined. */
function findUnstorable(value: unknown, depth = 0): ValueProblem | undefined {
  if (typeof value === 'string') return isStorableText(value) ? undefined : { path: [], problem: UNSTORABLE };
  if (typeof value === 'number') {
    return Number.isFinite(value) ? undefined : { path: [], problem: 'is too large a number' };
  }
  if (value === null || typeof value !== 'object') return undefined;
  if (depth > DEEPEST) return { path: [], problem: `is nested more than ${DEEPEST} levels deep` };
  for (const key of Object.keys(value)) {
    if (!isStorableText(key)) return { path: [], problem: `a name in it ${UNSTORABLE}` };
    const found = findUnstorable((value as Record<string, unknown>)[key], depth + 1);
    if (found) return { path: [key, ...found.path], problem: found.problem };
  }
  return undefined;
}

/** Not z.record: that would copy each payload. */
export const jsonObject = (description: string) =>
  z
    .custom<Record<string, unknown>>()
    .check((context) => {
      const { value, issues } = context;
      if (value === undefined) issues.push({ code: 'custom', message: 'is required', input: value });
      else if (value === null || typeof value !== 'object' || Array.isArray(value)) {
        issues.push({ code: 'custom', message: 'must be a JSON object', input: value });
      } else {
        const found = findUnstorable(value);
        if (found) {
          const { path, problem } = found;
          issues.push({ code: 'custom', message: problem, input: value, path });
        }
      }
    })
    .meta({ type: 'object', additionalProperties: true, description });

export const queueName = z
  .string()
  .regex(QUEUE_NAME, QUEUE_NAME_RULE)
  .meta({ description: 'A queue: 1 to 63 of a-z, 0-9, "_", "." and "-".', examples: ['default'] });

const ID_RULE = `must be a whole number from ${JOB_ID.from} to ${JOB_ID.to}`;

export const jobId = z
  .int(ID_RULE)
  .min(JOB_ID.from, ID_RULE)
  .meta({ description: 'A job’s id.', examples: [42] });

/** An id as a part of the address. */
export const idText = z
  .string()
  .regex(/^[1-9]\d{0,15}$/, ID_RULE)
  .transform(Number)
  .refine(Number.isSafeInteger, ID_RULE)
  .meta({ type: 'integer', minimum: JOB_ID.from, maximum: JOB_ID.to, pattern: undefined });

export const jobParams = z.strictObject({ id: idText });

/** A whole number as a part of the query string. */
export const wholeNumber = (least: number, most: number, fallback: number) =>
  z
    .string()
    .regex(/^\d{1,10}$/, `must be a whole number from ${least} to ${most}`)
    .transform(Number)
    .refine((value) => value >= least && value <= most, `must be from ${least} to ${most}`)
    .meta({ type: 'integer', minimum: least, maximum: most, default: fallback, pattern: undefined })
    .optional();

/** What a list is narrowed by. A form sends what was not filled in as an empty text: that narrows nothing. */
export const listFilter = <Schema extends z.ZodType>(schema: Schema) =>
  z.preprocess((value) => (value === '' ? undefined : value), schema.optional());

/** Lists of jobs, and of what comes of jobs, are narrowed by these. */
export const ofQueueAndType = { queue: listFilter(queueName), job_type: listFilter(text(LONGEST_TYPE)) };

/** A time as a part of a body. */
export const isoTime = (description: string) =>
  z.iso
    .datetime({
      offset: true,
      error: 'must be an ISO 8601 time with a time zone, such as 2030-01-31T09:00:00Z',
    })
    // What is no time at all has been told already.
    .refine((text) => !(Date.parse(text) < EARLIEST || Date.parse(text) > LATEST), {
      error: OUTSIDE_YEARS,
    })
    // The pattern that zod would show is right, and ten lines long.
    .meta({ description, examples: ['2030-01-31T09:00:00Z'], pattern: undefined });

/** As JSON shows a Date. */
export const time = z.date();

export const jobStatus = z.enum(['pending', 'running', 'completed', 'failed', 'cancelled']);

export const success = z.literal(true);

/** Of lists whose cursor is a name, or a worker’s id. */
export const namePagination = z
  .object({ limit: z.int(), has_more: z.boolean(), next_cursor: z.string().nullable() })
  .meta({ id: 'NamePagination' });

export const errorAnswer = z
  .object({
    success: z.literal(false),
    error: z.string().meta({ description: 'For people.' }),
    code: z.string().meta({ description: 'For programs; keeps its meaning.' }),
    details: z
      .array(z.object({ field: z.string(), problem: z.string() }))
      .optional()
      .meta({ description: 'Each field that is wrong, and how.' }),
    request_id: z.string(),
  })
  .meta({
    id: 'Error',
    examples: [
      {
        success: false,
        error: 'priority: must be from 0 to 100',
        code: 'validation_failed',
        details: [{ field: 'priority', problem: 'must be from 0 to 100' }],
        request_id: '0f0cbb5e-6e0c-4a86-9d2c-5b4f3a6c0a11',
      },
    ],
  });
