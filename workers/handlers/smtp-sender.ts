import { createTransport, type NodemailerError, type SendMailOptions } from 'nodemailer';
import { messageOf } from '../../shared/errors.js';
import { PermanentError, TransientError } from '../../shared/jobs/job-errors.js';

/** Where mail goes out. Either `url` or `host` is needed to send. */
export interface EmailSettings {
  /** `smtp://user:password@host:587` or `smtps://…`; wins over host, port, user, password and secure. */
  readonly url?: string | undefined;
  readonly host?: string | undefined;
  /** Default 465 when `secure`, else 587. */
  readonly port?: number | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  /** TLS from the first byte. Default false: TLS begins with STARTTLS when the server offers it. */
  readonly secure?: boolean | undefined;
  /** Refuse to send when the server offers no STARTTLS. Default false. */
  readonly requireTls?: boolean | undefined;
  /** The sender when a job names none: `mail@example.com` or `Name <mail@example.com>`. */
  readonly from?: string | undefined;
  /** How long connecting and greeting may take, in milliseconds. Default 10,000. */
  readonly connectionTimeoutMs?: number | undefined;
  /** How long the server may be silent, in milliseconds. Default 30,000. */
  readonly socketTimeoutMs?: number | undefined;
  /** Connections kept open and shared by all jobs of the process. Default 5. */
  readonly maxConnections?: number | undefined;
}

export interface SentMail {
  readonly accepted: string[];
  readonly rejected: string[];
}

/** Hands mail to the SMTP server and throws only job errors. */
export interface SmtpSender {
  send(mail: SendMailOptions, signal: AbortSignal): Promise<SentMail>;
  close(): void;
}

export function createSmtpSender(settings: EmailSettings): SmtpSender {
  let transport: ReturnType<typeof openTransport> | undefined;

  async function send(mail: SendMailOptions, signal: AbortSignal): Promise<SentMail> {
    transport ??= openTransport(settings);
    try {
      const { accepted, rejected } = await transport.sendMail({ ...mail, signal });
      return { accepted: accepted.map(addressOf), rejected: rejected.map(addressOf) };
    } catch (error) {
      throw signal.aborted ? signal.reason : smtpError(error as NodemailerError);
    }
  }

  return { send, close: () => transport?.close() };
}

/** Opens nothing yet; connections are made when there is mail. */
function openTransport(settings: EmailSettings) {
  const { url, host, user } = settings;
  if (url === undefined && host === undefined) {
    throw new PermanentError(
      'No mail server is configured. Set SMTP_URL or SMTP_HOST on the workers, then replay the job.',
    );
  }
  if (url !== undefined && !(URL.canParse(url) && /^smtps?:/i.test(url))) {
    throw new PermanentError(
      'SMTP_URL is not a valid address. It should look like smtp://user:password@host:587.',
    );
  }
  return createTransport({
    pool: true,
    ...(url === undefined ? { host, port: settings.port, secure: settings.secure ?? false } : { url }),
    ...(url === undefined && user !== undefined ? { auth: { user, pass: settings.password } } : {}),
    requireTLS: settings.requireTls ?? false,
    maxConnections: settings.maxConnections ?? 5,
    connectionTimeout: settings.connectionTimeoutMs ?? 10_000,
    greetingTimeout: settings.connectionTimeoutMs ?? 10_000,
    socketTimeout: settings.socketTimeoutMs ?? 30_000,
    // Once, for a kept connection that the server has closed meanwhile; all other retries are the job's own.
    maxRequeues: 1,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
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
