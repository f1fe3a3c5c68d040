/**
 * Anything that runs a parametrised statement: a pg client or pool, or an ORM's transaction with the same method.
 * What is passed as `tx` needs no more than this.
 */
export interface QueryTarget {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- pg's own row type; each caller names its row
  query(text: string, values?: unknown[]): Promise<{ rows: any[]; rowCount: number | null }>;
}

/** A target of ours. */
export interface OwnTarget extends QueryTarget {
  /** For many rows: an array each, in the order of the columns, is half as dear to read as an object. */
  queryArrays<Row extends readonly unknown[]>(text: string, values: unknown[]): Promise<Row[]>;
}
