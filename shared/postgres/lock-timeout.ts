/**
 * A condition for a WHERE clause, always true: the rest of the statement's transaction waits no longer than this for a lock. A
 * sub-select is evaluated once and before the first row, so that nobody's open transaction on one row may hold up a batch, and no
 * second statement is needed.
 */
export const lockTimeout = (most: '100ms' | '300ms' | '1s'): string =>
  `(SELECT set_config('lock_timeout', '${most}', true)) IS NOT NULL`;
