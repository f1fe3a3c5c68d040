import type { Agent, Dispatcher } from 'undici';
import { messageOf } from '../../shared/errors.js';
import { PermanentError, TransientError } from '../../shared/jobs/job-errors.js';
import type { NetworkPolicy } from './open-agent.js';

export interface GuardedRequest {
  readonly method?: Dispatcher.HttpMethod;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
  /** How long the server may be silent, in milliseconds; 0 is without limit. */
  readonly idleTimeoutMs: number;
}

/** An HTTP client that keeps to the network policy, follows no redirects and throws only job errors. */
export interface GuardedHttp {
  request(url: string, options: GuardedRequest): Promise<Dispatcher.ResponseData>;
  close(): Promise<void>;
}

/** undici's code for a request that it will not send as it is. */
const INVALID_ARGUMENT = 'UND_ERR_INVALID_ARG';

export function createGuardedHttp(policy: NetworkPolicy = {}): GuardedHttp {
  let agent: Promise<Agent> | undefined;

  async function open(): Promise<Agent> {
    const { openAgent } = await import('./open-agent.js');
    return openAgent(policy);
  }

  async function request(url: string, options: GuardedRequest): Promise<Dispatcher.ResponseData> {
    const target = parseTarget(url);
    checkHost(target.hostname, policy.allowedHosts);
    agent ??= open();
    const opened = await agent;
    try {
      return await opened.request({
        origin: target.origin,
        path: target.pathname + target.search,
        method: options.method ?? 'GET',
        headers: withCredentials(target, options.headers ?? {}),
        body: options.body ?? null,
        signal: options.signal,
        headersTimeout: options.idleTimeoutMs,
        bodyTimeout: options.idleTimeoutMs,
      });
    } catch (error) {
      throw networkError(error, describeUrl(target), options.signal);
    }
  }

  return { request, close: async () => (await agent?.catch(() => undefined))?.destroy() };
}

/** A URL as it may be shown to people: without user, password and query, which often hold secrets. */
export function describeUrl(url: URL | string): string {
  if (!URL.canParse(String(url))) return 'the given url';
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

/** What a request or the reading of its body failed with, as a job error; an abort keeps its own reason. */
export function networkError(error: unknown, where: string, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (error instanceof PermanentError || error instanceof TransientError) return error;
  if ((error as { code?: unknown } | null)?.code === INVALID_ARGUMENT) {
    return new PermanentError(
      `The request to ${where} cannot be sent: ${messageOf(error)}. Correct the payload.`,
    );
  }
  return new TransientError(
    `The request to ${where} did not get through: ${messageOf(error)}. ` +
      'If it keeps failing, check the address and that the workers can reach it.',
    { cause: error },
  );
}

function parseTarget(url: string): URL {
  // The text itself stays out of the message: it may hold a password.
  if (!URL.canParse(url))
    throw new PermanentError('The url is not a valid address. Correct it in the payload.');
  const target = new URL(url);
  if (target.protocol !== 'http:' && target.protocol !== 'https:') {
    throw new PermanentError(
      `The url begins with ${target.protocol}, but only http: and https: can be called.`,
    );
  }
  return target;
}

function checkHost(host: string, allowedHosts: readonly string[] | undefined): void {
  const isAllowed = (rule: string): boolean =>
    rule.startsWith('*.') ? host.endsWith(rule.slice(1).toLowerCase()) : host === rule.toLowerCase();
  if (allowedHosts === undefined || allowedHosts.some(isAllowed)) return;
  throw new PermanentError(
    `${host} is not among the hosts that jobs may call. Add it to HTTP_ALLOWED_HOSTS on the workers if it should be.`,
  );
}

/** undici ignores user and password in a URL; other clients send them as basic authentication, and so do we. */
function withCredentials(target: URL, headers: Readonly<Record<string, string>>): Record<string, string> {
  const isGiven = Object.keys(headers).some((name) => name.toLowerCase() === 'authorization');
  if (isGiven || (target.username === '' && target.password === '')) return { ...headers };
  const pair = [target.username, target.password].map(decodeCredential).join(':');
  return { ...headers, authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}

function decodeCredential(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new PermanentError('The user or the password in the url is not percent-encoded as it should be.');
  }
}
