/** What a list shows of a JSON value, in bytes; the thing itself has the whole. */
const LONGEST = 16_384;
/** A compressed value that is larger than this is not even looked at: it may stand for a hundred times as much. */
const LONGEST_COMPRESSED = 4_096;

/**
 * SQL: whether a jsonb column's value is short enough for a list. pg_column_size is what is stored, which is fetched only where
 * it is compressed, and may be large for all its few bytes. Null when the value is.
 */
const isShort = (column: string) => `(CASE
    WHEN pg_column_compression(${column}) IS NULL THEN pg_column_size(${column}) <= ${LONGEST}
    WHEN pg_column_size(${column}) > ${LONGEST_COMPRESSED} THEN false
    ELSE octet_length(${column}::text) <= ${LONGEST} END)`;

/** SQL: the column, null when it is too long for a list; and `is_…_omitted`, which says so. `table` is its alias. */
export const shortJson = (column: string, table = ''): string =>
  `CASE WHEN ${isShort(table + column)} THEN ${table + column} END AS ${column},
   NOT COALESCE(${isShort(table + column)}, true) AS is_${column}_omitted`;
