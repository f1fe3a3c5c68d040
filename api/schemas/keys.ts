import { z } from 'zod';
import { ROLES } from '../../shared/keys/api-key.js';
import { isoTime, idText, jobId, success, time, wholeNumber } from './common.js';

const NAME_RULE =
  'must be 1 to 100 of letters, digits, "_", ".", "@", "/" and "-", the first a letter or digit';

const apiKey = z
  .object({
    id: jobId.meta({ description: 'A key’s id.', examples: [1] }),
    name: z.string(),
    role: z.enum(ROLES),
    prefix: z.string().meta({ description: 'How its secret begins.', examples: ['hf_5f1c09aa2e7d'] }),
    created_at: time,
    last_used_at: time.nullable().meta({ description: 'To the minute; null: never.' }),
    expires_at: time.nullable(),
    revoked_at: time.nullable(),
  })
  .meta({ id: 'ApiKey' });

export const keyParams = z.strictObject({ id: idText });

export const DEFAULT_KEY_LIMIT = 50;

export const keysQuery = z.strictObject({
  limit: wholeNumber(1, 1_000, DEFAULT_KEY_LIMIT),
  cursor: idText.optional().meta({ description: 'The `next_cursor` of the page before.' }),
});

export const keysAnswer = z.object({
  success,
  keys: z.array(apiKey),
  pagination: z.object({ limit: z.int(), has_more: z.boolean(), next_cursor: z.int().nullable() }),
});

export const keyBody = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9_.@/-]{0,99}$/, NAME_RULE)
      .meta({
        description:
          'Stands where the caller is named: `created_by` of jobs, reviewers, logs. Unique among the keys not revoked.',
        examples: ['billing-service'],
      }),
    role: z.enum(ROLES).meta({ description: 'Each role may do all that those before it may.' }),
    expires_at: isoTime('Default: never.').nullable().optional(),
  })
  .meta({ id: 'CreateKey', examples: [{ name: 'billing-service', role: 'submitter' }] });

export const createdKeyAnswer = z.object({
  success,
  key: apiKey,
  secret: z
    .string()
    .meta({ description: 'What to send as `Authorization: Bearer …`. Shown here and never again.' }),
});

export const revokedKeyAnswer = z.object({ success, message: z.string(), key: apiKey });
