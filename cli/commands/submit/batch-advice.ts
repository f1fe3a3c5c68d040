import { ApiError } from '../../client/api-error.js';
import { isRefused } from '../../client/patiently.js';
import { messageOf } from '../../../shared/errors.js';
import { countOf, grouped, harmless } from '../../output/text.js';

export interface StoppedAt {
  /** The lines of the request that failed. */
  readonly from: number;
  readonly to: number;
  /** Jobs of the lines before. */
  readonly submitted: number;
  readonly isRepeatable: boolean;
}

const REPEAT = 'run the same command again: no line is submitted twice';

const describeBefore = (submitted: number): string =>
  submitted > 0 ? `the ${countOf(submitted, 'job')} of the lines before are submitted; ` : '';

/** What to do when a request of a batch has failed. */
export function adviseAfter(error: unknown, { from, to, submitted, isRepeatable }: StoppedAt): string {
  const before = describeBefore(submitted);
  if (isRepeatable) return `${before}${REPEAT}`;
  if (!isRefused(error))
    return (
      `${before}lines ${grouped(from)} to ${grouped(to)} may be, all or none: look for them, then go on with --from-line; with ` +
      '--idempotency-key a batch can be repeated as a whole'
    );
  if (submitted === 0) return 'nothing was submitted';
  return `${before}when that is put right, go on with --from-line ${from}`;
}

/** What to do when a batch was interrupted between two requests. */
export function adviseInterrupted({ from, submitted, isRepeatable }: Omit<StoppedAt, 'to'>): string {
  if (submitted === 0) return 'nothing was submitted';
  return `${describeBefore(submitted)}${isRepeatable ? REPEAT : `go on with --from-line ${from}`}`;
}

/** `jobs.7.priority` of a chunk is a field of a line of the file. */
export function namingLines(error: unknown, lines: readonly number[]): string {
  const text = messageOf(error);
  if (!(error instanceof ApiError)) return text;
  return harmless(text).replace(
    /\bjobs\.(\d+)\./g,
    (_all, index: string) => `line ${lines[Number(index)]}: `,
  );
}
