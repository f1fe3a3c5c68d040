/** The longest time that a Node timer and an `int` column can hold, 24 days: a timer for longer fires at once. */
export const LONGEST_MS = 2 ** 31 - 1;
