import type { NodemailerError, SendMailOptions } from 'nodemailer';
import { messageOf } from '../../shared/errors.js';
import { PermanentError, TransientError } from '../../shared/jobs/job-errors.js';
import type { EmailSettings, SmtpTransport } from './open-transport.js';

export interface SentMail {
  readonly accepted: string[];
  readonly rejected: string[];
}

/** Hands mail to the SMTP server and throws only job errors. */
export interface SmtpSender {
  send(mail: SendMailOptions, signal: AbortSignal): Promise<SentMail>;
  close(): Promise<void>;
}

export function createSmtpSender(settings: EmailSettings): SmtpSender {
  let transport: Promise<SmtpTransport> | undefined;

  async function open(): Promise<SmtpTransport> {
    const { openTransport } = await import('./open-transport.js');
    return openTransport(settings);
  }

  async function send(mail: SendMailOptions, signal: AbortSignal): Promise<SentMail> {
    transport ??= open();
    const opened = await transport;
    try {
      const { accepted, rejected } = await opened.sendMail({ ...mail, signal });
      return { accepted: accepted.map(addressOf), rejected: rejected.map(addressOf) };
    } catch (error) {
      throw signal.aborted ? signal.reason : smtpError(error as NodemailerError);
    }
  }

  // One that could not be opened has nothing to close.
  return { send, close: async () => (await transport?.catch(() => undefined))?.close() };
}

/** Faults of the message or the configuration; a server that cannot be reached or stumbles is not among them. */
const PERMANENT_CODES = new Set([
  'EENVELOPE',
  'EMESSAGE',
  'EAUTH',
  'ENOAUTH',
  'ECONFIG',
  'EREQUIRETLS',
  'EMAXRECIPIENTS',
]);

function smtpError(error: NodemailerError): Error {
  const said = messageOf(error).trim();
  const reply = error.responseCode;
  const isPermanent =
    reply === undefined ? PERMANENT_CODES.has(error.code ?? '') : reply >= 500 && reply < 600;
  if (!isPermanent) {
    return new TransientError(`The mail server did not take the message: ${said}.`, {
      cause: error,
    });
  }
  const advice =
    error.code === 'EAUTH' || error.code === 'ENOAUTH'
      ? 'Check SMTP_USER and SMTP_PASSWORD (or SMTP_URL) on the workers, then replay the job.'
      : 'Trying again cannot help. Correct the addresses or the message, then replay the job.';
  return new PermanentError(`The mail server refused the message: ${said}. ${advice}`, { cause: error });
}

function addressOf(recipient: string | { address: string }): string {
  return typeof recipient === 'string' ? recipient : recipient.address;
}
