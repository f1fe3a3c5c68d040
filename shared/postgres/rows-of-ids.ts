/** The condition by which a statement finds the rows of ids: `ids` is its parameter, a bigint[] in ascending order, in which rows are locked. */
export type RowsOfIds = (ids: string) => string;

/** A search from the root of the primary key for each id. */
export const bySearch: RowsOfIds = (ids) => `id = ANY (${ids}::bigint[])`;

/** One walk along the primary key, from the first id to the last one: for ids that lie close together. */
export const byWalk: RowsOfIds = (ids) =>
  `id BETWEEN (${ids}::bigint[])[1] AND (${ids}::bigint[])[cardinality(${ids}::bigint[])]
       AND (${ids}::bigint[])[width_bucket(id, ${ids}::bigint[])] = id`;

/** Fewer are found as fast either way. */
const FEWEST_TO_WALK = 16;

/** Jobs that were submitted together mostly run together: then a walk is faster (docs/performance.md). */
export function areClose(ascending: readonly number[]): boolean {
  const { length } = ascending;
  return length >= FEWEST_TO_WALK && ascending[length - 1]! - ascending[0]! < 2 * length;
}
