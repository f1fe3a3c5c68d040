import { HoldfastError, messageOf, type ErrorCode } from '../shared/errors.js';
import type { ServerSource } from './server-handle.js';

/** This source has nothing to offer here; the next one may. */
export class SourceUnavailable extends Error {}

export interface Attempt {
  readonly source: ServerSource;
  readonly outcome: string;
}

/** A way to get a server, in the order of preference. */
export interface SourceOption<Handle> {
  readonly source: ServerSource;
  /** What it is, for people. */
  readonly title: string;
  readonly open: () => Promise<Handle>;
}

/** Takes the first source that delivers. What became of the others is in `attempts`. */
export async function chooseSource<Handle>(
  options: readonly SourceOption<Handle>[],
): Promise<{ handle: Handle | null; attempts: Attempt[] }> {
  const attempts: Attempt[] = [];
  for (const { source, title, open } of options) {
    try {
      return { handle: await open(), attempts };
    } catch (error) {
      if (source === 'given' && !(error instanceof SourceUnavailable)) throw error;
      attempts.push({ source, outcome: `${title}: ${messageOf(error)}` });
    }
  }
  return { handle: null, attempts };
}

export function nothingFound(
  code: ErrorCode,
  title: string,
  attempts: readonly Attempt[],
  advice: string,
): HoldfastError {
  const tried = attempts.map(({ outcome }, index) => `  ${index + 1}. ${outcome}`).join('\n');
  return new HoldfastError(code, `No ${title} could be had. What was tried:\n${tried}\n${advice}`);
}
