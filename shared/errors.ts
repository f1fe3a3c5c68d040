/**
 * The one table of error codes. A code, once published, keeps its meaning and is never reused.
 * Each has the HTTP status the API answers with.
 */
export const ERROR_CODES = {
  validation_failed: 400,
  malformed_json: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  already_finished: 409,
  not_retryable: 409,
  not_pending: 409,
  not_replayable: 409,
  not_discardable: 409,
  unique_key_in_use: 409,
  dependency_cycle: 409,
  idempotency_key_reused: 409,
  schedule_exists: 409,
  busy: 409,
  key_exists: 409,
  payload_too_large: 413,
  unsupported_media_type: 415,
  rate_limited: 429,
  internal: 500,
  outcome_unknown: 503,
  overloaded: 503,
  not_migrated: 500,
  postgres_unavailable: 503,
  redis_unavailable: 503,
  timeout: 504,
} as const satisfies Record<string, number>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** One thing wrong with an input: the path of the field and what it should be. */
export interface FieldProblem {
  readonly field: string;
  readonly problem: string;
}

/** An error with a stable code, a message for people, and optionally the fields at fault. */
export class HoldfastError extends Error {
  override readonly name = 'HoldfastError';
  readonly code: ErrorCode;
  readonly details: readonly FieldProblem[];

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; details?: readonly FieldProblem[] } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? [];
  }

  get httpStatus(): number {
    return ERROR_CODES[this.code];
  }
}

/** A connection to Redis has ended, and why it cannot be made again is not known yet: it may be back in a moment. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';

  constructor() {
    super('the connection to Redis was lost');
  }
}

export function hasCode(error: unknown, code: ErrorCode): boolean {
  return error instanceof HoldfastError && error.code === code;
}

/** The message of anything that was thrown, for logs and for `error_message`. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // A refused connection to a name with several addresses arrives as an AggregateError without a message.
  if (error.message === '' && error instanceof AggregateError) return error.errors.map(messageOf).join('; ');
  return error.message;
}
