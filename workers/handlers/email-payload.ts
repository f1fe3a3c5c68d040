import { z } from 'zod';

const MAX_RECIPIENTS = 100;
const MAX_BODY_CHARACTERS = 5_000_000;

/** Headers a job may set. All others are the mail's own, or change who gets it. */
const ALLOWED_HEADER =
  /^(x-[a-z0-9-]{1,70}|list-(unsubscribe|unsubscribe-post|id|help)|in-reply-to|references|auto-submitted|precedence|importance|priority)$/i;

/** Without line ends nothing can begin a header of its own. */
const oneLine = z
  .string()
  .max(998)
  // eslint-disable-next-line no-control-regex -- control characters are what it is about
  .regex(/^[^\x00-\x1f\x7f]*$/, 'must be on one line, without control characters');

/** `mail@example.com` or `Name <mail@example.com>`. */
const mailbox = oneLine.refine((text) => parseMailbox(text) !== undefined, 'is not a mail address');
const mailboxes = z.union([mailbox, z.array(mailbox).min(1).max(MAX_RECIPIENTS)]);

export const emailPayload = z
  .strictObject({
    to: mailboxes,
    cc: mailboxes.optional(),
    bcc: mailboxes.optional(),
    /** Default: the workers' SMTP_FROM. */
    from: mailbox.optional(),
    reply_to: mailbox.optional(),
    subject: oneLine,
    text: z.string().max(MAX_BODY_CHARACTERS).optional(),
    html: z.string().max(MAX_BODY_CHARACTERS).optional(),
    headers: z
      .record(
        z.string().regex(ALLOWED_HEADER, 'cannot be set; allowed are X-… and some List-… headers'),
        oneLine,
      )
      .refine((headers) => Object.keys(headers).length <= 20, 'are more than 20')
      .optional(),
  })
  .refine(({ text, html }) => text !== undefined || html !== undefined, {
    path: ['text'],
    error: 'or html must be given',
  });

export type EmailPayload = z.output<typeof emailPayload>;

export interface Mailbox {
  readonly name: string;
  readonly address: string;
}

/** Takes a single address apart; undefined when it is none. Lists inside one text are refused on purpose. */
export function parseMailbox(text: string): Mailbox | undefined {
  const named = /^(?:"([^"\\]*)"|([^"<>@,;:\\]*))\s*<([^<>]*)>$/.exec(text.trim());
  const address = named?.[3] ?? text.trim();
  const name = named?.[1] ?? named?.[2] ?? '';
  return z.regexes.html5Email.test(address) ? { name: name.trim(), address } : undefined;
}
