export interface ColumnWidth {
  /** What the widest cell takes. */
  readonly natural: number;
  /** It is never made narrower than this. */
  readonly least: number;
  /** Shortened before the others: prose, of which the beginning tells most. */
  readonly isFlexible: boolean;
}

/** Widths that fit into `room` together; flexible columns give first, the widest of them most. */
export function fitColumns(columns: readonly ColumnWidth[], room: number): number[] {
  const widths = columns.map(({ natural }) => natural);
  let excess = widths.reduce((sum, width) => sum + width, 0) - room;
  for (const isFlexible of [true, false]) {
    while (excess > 0) {
      const widest = columns
        .map((column, index) => ({ column, index, width: widths[index] ?? 0 }))
        .filter(({ column, width }) => column.isFlexible === isFlexible && width > column.least)
        .reduce<{ index: number; width: number } | undefined>(
          (most, one) => (most === undefined || one.width > most.width ? one : most),
          undefined,
        );
      if (!widest) break;
      widths[widest.index] = widest.width - 1;
      excess -= 1;
    }
  }
  return widths;
}
