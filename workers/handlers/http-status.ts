import { PermanentError, RetryAfterError, TransientError } from '../../shared/jobs/job-errors.js';

/** A server may ask for a pause of days; a job should not sleep for longer than an operator would notice. */
const MAX_RETRY_AFTER_MS = 3_600_000;

/** Beside these, servers and proxies answer with 5xx of their own while they are unwell. */
const TRANSIENT_STATUSES = new Set([408, 425, 429]);
const PERMANENT_SERVER_STATUSES = new Set([501, 505]);

export interface RefusedResponse {
  /** The method and the address, without secrets. */
  readonly request: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The start of what the server said. */
  readonly excerpt: string;
}

/** The job error for a response that is no success: whether trying again can help follows from the status. */
export function statusError(response: RefusedResponse, now: number = Date.now()): Error {
  const said = response.excerpt === '' ? '' : `: ${response.excerpt}`;
  const what = `${response.request} was answered with ${response.status}${said}`;
  if (!isTransientStatus(response.status)) return new PermanentError(`${what} ${adviceFor(response)}`);
  const delayMs = retryAfterMs(response.headers['retry-after'], now);
  // A server that says "0" would be asked again at once, over and over; the backoff is kinder.
  if (delayMs === undefined || delayMs === 0) return new TransientError(`${what}`);
  return new RetryAfterError(delayMs, `${what} The server asks to wait ${delayMs} ms.`);
}

function isTransientStatus(status: number): boolean {
  return TRANSIENT_STATUSES.has(status) || (status >= 500 && !PERMANENT_SERVER_STATUSES.has(status));
}

/** `Retry-After` as milliseconds from now, given as seconds or as a date; undefined when absent or unreadable. */
export function retryAfterMs(header: string | string[] | undefined, now: number): number | undefined {
  const text = (Array.isArray(header) ? header[0] : header)?.trim();
  if (text === undefined || text === '') return undefined;
  const delayMs = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - now;
  if (Number.isNaN(delayMs)) return undefined;
  return Math.min(Math.max(delayMs, 0), MAX_RETRY_AFTER_MS);
}

function adviceFor({ status, headers }: RefusedResponse): string {
  if (status >= 300 && status < 400) {
    // User, password and query may be secrets.
    const location = String(headers.location ?? 'elsewhere')
      .replace(/[?#].*$/s, '')
      .replace(/\/\/[^/]*@/, '//');
    return `The server points to ${location}. Redirects are not followed, for safety: put the final address into the payload.`;
  }
  if (status === 401 || status === 403)
    return 'The server refuses the credentials. Correct them and replay the job.';
  if (status < 300) return 'The payload expects another status. Correct expected_status or the request.';
  return 'The server will not accept this request as it is. Correct the payload and replay the job.';
}
