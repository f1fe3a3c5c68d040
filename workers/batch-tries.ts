/** What fails may be about one row, or about all of them and soon over: a batch is tried so often before it is halved. */
export const MOST_TRIES = 3;

/** Milliseconds before the next try, after this many. */
export const pauseAfter = (tries: number): number => Math.min(50 * 2 ** Math.min(tries - 1, 6), 2_000);
