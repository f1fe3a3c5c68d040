import type { FieldProblem } from '../../shared/errors.js';
import { BAD_USAGE, CommandFailure, FAILED } from '../failure.js';
import { harmless } from '../output/text.js';

/** What the API says when it says no; see api/errors.ts. */
export interface ErrorBody {
  readonly success: false;
  readonly error: string;
  readonly code: string;
  readonly details?: readonly FieldProblem[];
}

/** Of a request that could not be done; what was asked for is at fault, not the state of things. */
const BAD_REQUESTS = [400, 413, 415];

/** The API refused. The message is for people; `body` is what it said. */
export class ApiError extends CommandFailure {
  constructor(
    readonly status: number,
    readonly body: ErrorBody,
    /** What the API asks to wait before the next try; undefined: it does not say. */
    readonly retryAfterSeconds?: number,
  ) {
    super(BAD_REQUESTS.includes(status) ? BAD_USAGE : FAILED, describe(status, body));
  }
}

const MOST_SHOWN = 10;

function describe(status: number, { error, details = [] }: ErrorBody): string {
  const hint = HINTS[status];
  const first = harmless(hint === undefined ? error : `${error}. ${hint}`);
  if (details.length <= 1) return first;
  const lines = details.slice(0, MOST_SHOWN).map(({ field, problem }) => `  - ${field}: ${problem}`);
  const more = details.length > MOST_SHOWN ? [`  - and ${details.length - MOST_SHOWN} more`] : [];
  return ['the request has several faults', ...lines.map(harmless), ...more].join('\n');
}

const HINTS: Readonly<Record<number, string>> = {
  401:
    'Give a key with HOLDFAST_API_KEY, HOLDFAST_API_KEY_FILE or --api-key; `holdfast keys create` where the database is at hand ' +
    'makes one',
  403: 'Use a key of a role that may: `holdfast keys create NAME --role ROLE` makes one',
};
