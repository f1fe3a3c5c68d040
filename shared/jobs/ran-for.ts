/** SQL: how long an attempt ran, in milliseconds, as an int holds it: a running row may be of a backup that is months old. */
export const RAN_FOR_MS = `LEAST(date_part('epoch', now() - started_at) * 1000, 2147483647)`;
