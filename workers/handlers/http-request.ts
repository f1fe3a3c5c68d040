import { z } from 'zod';
import { defineJob, type JobContext } from '../../shared/jobs/define-job.js';
import { TransientError } from '../../shared/jobs/job-errors.js';
import { excerpt, storable } from './excerpt.js';
import { describeUrl, networkError, type GuardedHttp } from './guarded-http.js';
import { parseBody, readText, type ResponseHeaders } from './http-body.js';
import { statusError } from './http-status.js';

export interface HttpRequestSettings {
  /** How much of a response any job may keep, in bytes. Default 1,048,576. */
  readonly maxResponseBytes?: number | undefined;
}

/** What of the response headers is worth keeping with the job. */
const KEPT_HEADERS = [
  'content-type',
  'content-length',
  'date',
  'etag',
  'last-modified',
  'location',
  'x-request-id',
];
/** These are the connection's business; given twice they make requests that proxies read in two ways. */
const CONNECTION_HEADERS =
  /^(host|connection|content-length|transfer-encoding|upgrade|keep-alive|te|trailer|expect)$/i;
const SECRET_HEADERS = /auth|cookie|key|token|secret|password|signature/i;
const EXCERPT_BYTES = 2_048;
const EXCERPT_CHARACTERS = 300;

const headers = z.record(
  z
    .string()
    .regex(/^[\w!#$%&'*+.^`|~-]+$/, 'is not a header name')
    .refine((name) => !CONNECTION_HEADERS.test(name), 'is set by the client and cannot be given'),

  z
    .string()
    .max(8_192)
    .regex(/^[\t\x20-\x7e\x80-\xff]*$/, 'must be on one line, without control characters'),
);
const status = z.int().min(200).max(599);

const payload = z
  .strictObject({
    method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']).default('GET'),
    url: z.url({ protocol: /^https?$/, error: 'must be an http:// or https:// address' }).max(4_096),
    headers: headers.optional(),
    /** A string is sent as it is, anything else as JSON. */
    body: z.json().optional(),
    timeout_ms: z.int().min(1).max(3_600_000).default(30_000),
    expected_status: z.union([status, z.array(status).min(1)]).optional(),
    max_response_bytes: z.int().min(0).optional(),
  })
  .refine(({ method, body }) => body === undefined || (method !== 'GET' && method !== 'HEAD'), {
    path: ['body'],
    error: 'cannot be sent with GET or HEAD',
  });

type Payload = z.output<typeof payload>;

export interface HttpRequestResult {
  status: number;
  headers: Record<string, string>;
  body: unknown;
  truncated: boolean;
  duration_ms: number;
}

/** Calls an HTTP endpoint; whether a failure is retried follows from what went wrong. */
export function httpRequestJob(settings: HttpRequestSettings, http: GuardedHttp, maxResultBytes: number) {
  const maxResponseBytes = settings.maxResponseBytes ?? 1_048_576;
  return defineJob({
    type: 'http_request',
    payload,
    timeoutMs: 3_600_000,
    async run(request, ctx): Promise<HttpRequestResult> {
      ctx.signal.throwIfAborted();
      const timeout = AbortSignal.timeout(request.timeout_ms);
      const signal = AbortSignal.any([ctx.signal, timeout]);
      const limitBytes = Math.min(request.max_response_bytes ?? maxResponseBytes, maxResponseBytes);
      try {
        return fitInto(maxResultBytes, await callEndpoint(http, request, ctx, signal, limitBytes));
      } catch (error) {
        if (timeout.aborted && !ctx.signal.aborted) throw timeoutError(request);
        throw networkError(error, target(request), signal);
      }
    },
  });
}

/** The request had its effect: what came back must not fail the job for its size. A body that is cut is the text it came as. */
function fitInto(mostBytes: number, result: HttpRequestResult): HttpRequestResult {
  const bytesOf = (value: unknown) => Buffer.byteLength(JSON.stringify(value));
  if (bytesOf(result) <= mostBytes) return result;
  let text = typeof result.body === 'string' ? result.body : JSON.stringify(result.body);
  const room = mostBytes - bytesOf({ ...result, body: '', truncated: true });
  for (let bytes = bytesOf(text); bytes > room && text !== ''; bytes = bytesOf(text))
    text = storable(text.slice(0, Math.floor(text.length * Math.min(room / bytes, 0.99))));
  return { ...result, body: text, truncated: true };
}

async function callEndpoint(
  http: GuardedHttp,
  request: Payload,
  ctx: JobContext<HttpRequestResult>,
  signal: AbortSignal,
  limitBytes: number,
): Promise<HttpRequestResult> {
  const startedAt = performance.now();
  const response = await http.request(request.url, {
    method: request.method,
    ...requestContent(request, ctx.jobId),
    signal,
    idleTimeoutMs: 0,
  });
  const isSuccess = isExpected(response.statusCode, request.expected_status);
  const { text, isTruncated } = await readText(
    response.body,
    response.headers,
    isSuccess ? limitBytes : EXCERPT_BYTES,
  );
  if (!isSuccess) {
    throw statusError({
      request: target(request),
      status: response.statusCode,
      headers: response.headers,
      excerpt: excerpt(withoutSecrets(text, request).replace(/\s+/g, ' ').trim(), EXCERPT_CHARACTERS),
    });
  }
  return {
    status: response.statusCode,
    headers: keptHeaders(response.headers),
    body: isTruncated ? text : parseBody(text, response.headers),
    truncated: isTruncated,
    duration_ms: Math.round(performance.now() - startedAt),
  };
}

/** Headers and body; every attempt of a job carries the same key, so that the receiver can tell a repetition. */
function requestContent({ headers, body }: Payload, jobId: number) {
  const given = new Set(Object.keys(headers ?? {}).map((name) => name.toLowerCase()));
  const isJson = body !== undefined && typeof body !== 'string';
  return {
    headers: {
      ...(given.has('idempotency-key') ? {} : { 'idempotency-key': `holdfast-job-${jobId}` }),
      ...(isJson && !given.has('content-type') ? { 'content-type': 'application/json' } : {}),
      ...headers,
    },
    ...(body === undefined ? {} : { body: isJson ? JSON.stringify(body) : body }),
  };
}

function isExpected(status: number, expected: Payload['expected_status']): boolean {
  if (expected === undefined) return status >= 200 && status < 300;
  return Array.isArray(expected) ? expected.includes(status) : expected === status;
}

function keptHeaders(headers: ResponseHeaders): Record<string, string> {
  return Object.fromEntries(
    KEPT_HEADERS.flatMap((name) => (headers[name] === undefined ? [] : [[name, String(headers[name])]])),
  );
}

/** Some servers repeat the request in their answer; what was sent in its headers may be a secret. */
function withoutSecrets(text: string, { headers }: Payload): string {
  const secrets = Object.entries(headers ?? {})
    .filter(([name]) => SECRET_HEADERS.test(name))
    // Of "Bearer abc" it is the second word that counts; short words are left, they would blot out half the text.
    .flatMap(([, value]) => value.split(/[\s;=]+/).filter((word) => word.length >= 6));
  return secrets.reduce((cleaned, secret) => cleaned.replaceAll(secret, '***'), text);
}

function target({ method, url }: Payload): string {
  return `${method} ${describeUrl(url)}`;
}

function timeoutError(request: Payload): TransientError {
  return new TransientError(
    `${target(request)} did not finish within ${request.timeout_ms} ms. ` +
      'If the endpoint needs longer, raise timeout_ms in the payload.',
  );
}
