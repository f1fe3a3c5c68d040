import { messageOf } from '../errors.js';
import { PermanentError, TransientError, type ErrorClass } from './job-errors.js';
import type { AttemptError } from './outcome.js';
import { storableText } from './storable-text.js';

/** Codes of Node and undici for a network that did not answer as it should: expected to pass. */
const TRANSIENT_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'ETIMEDOUT',
  'EPIPE',
  'EAI_AGAIN',
  'ENETUNREACH',
  'EHOSTUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_SOCKET',
]);

/** Longer text says no more, and makes every list of jobs heavy. */
const MESSAGE_LIMIT = 2_000;
const STACK_LIMIT = 8_000;

/** The class of whatever a handler threw, and what is recorded of it. Never throws. */
export function describeError(error: unknown): AttemptError {
  try {
    const stack = error instanceof Error ? error.stack : undefined;
    return {
      message:
        storableText(messageOf(error), MESSAGE_LIMIT) || 'the handler threw an error without a message',
      errorClass: classifyError(error),
      ...(stack === undefined ? {} : { stack: storableText(stack, STACK_LIMIT) }),
    };
  } catch {
    // An object without a text form, a getter that throws.
    return { message: 'the handler threw something that cannot be read as an error', errorClass: 'unknown' };
  }
}

function classifyError(error: unknown): ErrorClass {
  if (error instanceof PermanentError) return 'permanent';
  if (error instanceof TransientError) return 'transient';
  const code: unknown = (error as { code?: unknown } | null)?.code;
  if (typeof code === 'string' && TRANSIENT_CODES.has(code)) return 'transient';
  // fetch() wraps what happened.
  const cause: unknown = (error as { cause?: unknown } | null)?.cause;
  return cause instanceof Error ? classifyError(cause) : 'unknown';
}
