/** A broken promise: which one, how often, and some of the jobs. */
export interface Violation {
  readonly promise: string;
  readonly count: number;
  readonly examples: readonly string[];
}

const EXAMPLES = 5;

/** Nothing, when nothing is wrong. */
export function violationsOf<T>(
  promise: string,
  wrong: readonly T[],
  describe: (one: T) => string,
): Violation[] {
  if (wrong.length === 0) return [];
  return [{ promise, count: wrong.length, examples: wrong.slice(0, EXAMPLES).map(describe) }];
}
