import { createHash } from 'node:crypto';
import { defineJob } from '../../shared/jobs/define-job.js';
import { PermanentError } from '../../shared/jobs/job-errors.js';
import { emailPayload, parseMailbox, type EmailPayload, type Mailbox } from './email-payload.js';
import type { SmtpSender } from './smtp-sender.js';

export interface EmailResult {
  message_id: string;
  accepted: string[];
  rejected: string[];
}

/** Sends one mail. Recipients that need retries of their own get a job each. */
export function emailNotificationJob(defaultFrom: string | undefined, smtp: SmtpSender) {
  return defineJob({
    type: 'email_notification',
    payload: emailPayload,
    async run(mail, ctx): Promise<EmailResult> {
      ctx.signal.throwIfAborted();
      const from = senderOf(mail, defaultFrom);
      const messageId = messageIdOf(ctx.jobId, mail, from);
      const { accepted, rejected } = await smtp.send(
        {
          from,
          messageId,
          to: mailboxes(mail.to),
          cc: mailboxes(mail.cc),
          bcc: mailboxes(mail.bcc),
          ...(mail.reply_to === undefined ? {} : { replyTo: mailboxes(mail.reply_to) }),
          subject: mail.subject,
          ...(mail.text === undefined ? {} : { text: mail.text }),
          ...(mail.html === undefined ? {} : { html: mail.html }),
          ...(mail.headers === undefined ? {} : { headers: mail.headers }),
        },
        ctx.signal,
      );
      // Another attempt would send it once more to those who have it already.
      if (rejected.length > 0)
        ctx.log.warn(`the mail server refused some recipients: ${rejected.join(', ')}`);
      return { message_id: messageId, accepted, rejected };
    },
  });
}

function senderOf(mail: EmailPayload, defaultFrom: string | undefined): Mailbox {
  const from = mail.from ?? defaultFrom;
  if (from === undefined) {
    throw new PermanentError(
      'The mail has no sender. Set SMTP_FROM on the workers, or give `from` in the payload.',
    );
  }
  const sender = parseMailbox(from);
  if (sender === undefined) {
    throw new PermanentError('SMTP_FROM is not a mail address. It should look like Name <mail@example.com>.');
  }
  return sender;
}

/**
 * The same for each attempt of a job, so that a receiver drops the second copy. The digest keeps apart what is not
 * the same mail: jobs of another installation with the same number, and a replay with a corrected payload.
 */
function messageIdOf(jobId: number, mail: EmailPayload, from: Mailbox): string {
  const digest = createHash('sha256').update(JSON.stringify(mail)).digest('hex').slice(0, 16);
  return `<holdfast-job-${jobId}.${digest}@${from.address.split('@')[1] ?? 'holdfast'}>`;
}

// Objects, because nodemailer would take a text apart once more and by rules of its own.
function mailboxes(given: string | string[] | undefined): Mailbox[] {
  const list = given === undefined || Array.isArray(given) ? (given ?? []) : [given];
  return list.flatMap((text) => parseMailbox(text) ?? []);
}
