import { createTransport } from 'nodemailer';
import { PermanentError } from '../../shared/jobs/job-errors.js';

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

export type SmtpTransport = ReturnType<typeof openTransport>;

/**
 * Opens nothing yet; connections are made when there is mail. In a module of its own, so that nodemailer is loaded by the first job
 * that sends some.
 *
 * @throws PermanentError when the settings name no server
 */
export function openTransport(settings: EmailSettings) {
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
