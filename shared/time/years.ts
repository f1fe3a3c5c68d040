/** The times that may be given: before and after these, JSON and PostgreSQL write years in ways of their own. */
export const EARLIEST = Date.UTC(1970, 0);
export const LATEST = Date.UTC(10_000, 0) - 1;

export const OUTSIDE_YEARS = 'must be a time from the years 1970 to 9999';
