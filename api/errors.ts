import { ERROR_CODES, HoldfastError, type ErrorCode, type FieldProblem } from '../shared/errors.js';
import { isPostgresError, type PostgresError } from '../shared/postgres/postgres-error.js';

/** What leaves the process of an error. */
export interface ErrorAnswer {
  readonly status: number;
  readonly body: {
    readonly success: false;
    readonly error: string;
    readonly code: ErrorCode;
    readonly details?: readonly FieldProblem[];
    readonly request_id: string;
  };
}

/** Sent with every 503. What is away is tried again about this often anyway. */
export const RETRY_AFTER_SECONDS = 2;

/**
 * The one place where errors become answers. What is not known here says nothing of itself.
 *
 * @param bodyLimit of the route, in bytes
 */
export function toErrorAnswer(error: unknown, requestId: string, bodyLimit?: number): ErrorAnswer {
  const { code, message, details } = translate(error, bodyLimit);
  return {
    status: ERROR_CODES[code],
    body: {
      success: false,
      error: message,
      code,
      ...(details.length > 0 ? { details } : {}),
      request_id: requestId,
    },
  };
}

function translate(
  error: unknown,
  bodyLimit: number | undefined,
): Pick<HoldfastError, 'code' | 'message' | 'details'> {
  if (error instanceof HoldfastError && error.code !== 'internal') return error;
  if (isPostgresError(error)) return translatePostgres(error);
  return translateFastify(error as FastifyFault, bodyLimit);
}

function translatePostgres(error: PostgresError): HoldfastError {
  if (error.kind === 'unavailable')
    return new HoldfastError('postgres_unavailable', 'PostgreSQL is not reachable; try again');
  if (error.kind === 'lock_conflict')
    return new HoldfastError('busy', 'another transaction holds what this needs; try again');
  if (error.kind === 'bad_value')
    return new HoldfastError('validation_failed', 'the request has a value that PostgreSQL cannot store');
  return internal();
}

interface FastifyFault {
  readonly code?: unknown;
  readonly statusCode?: unknown;
  readonly message?: unknown;
}

/** Codes: https://fastify.dev/docs/latest/Reference/Errors/ */
function translateFastify({ code, statusCode, message }: FastifyFault, bodyLimit?: number): HoldfastError {
  const text = typeof message === 'string' ? message : '';
  if (code === 'FST_ERR_BAD_URL' || code === 'FST_ERR_MAX_PARAM_LENGTH')
    return invalidField('url', 'is not a valid address');
  if (statusCode === 413) return new HoldfastError('payload_too_large', describeLimit(bodyLimit));
  if (statusCode === 415)
    return new HoldfastError('unsupported_media_type', 'the body must have Content-Type: application/json');
  if (code === 'FST_ERR_CTP_INVALID_CONTENT_LENGTH')
    return invalidField('Content-Length', 'does not fit the body');
  if (statusCode === 400)
    return new HoldfastError('malformed_json', `the body is not valid JSON: ${text.slice(0, 200)}`);
  return internal();
}

const describeLimit = (bodyLimit = 0) =>
  `the body is larger than the ${bodyLimit} bytes allowed here; API_BODY_LIMIT sets that (a batch may have 16 times as much)`;

/** The error of a single field that is wrong. */
export const invalidField = (field: string, problem: string): HoldfastError =>
  new HoldfastError('validation_failed', `${field}: ${problem}`, { details: [{ field, problem }] });

const internal = () =>
  new HoldfastError('internal', 'something went wrong here; the request id finds it in the logs');
