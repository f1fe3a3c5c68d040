import { coloured, type Colour } from './colours.js';
import { fitColumns } from './fit-columns.js';
import { displayWidth, oneLine, shortened } from './text.js';

export interface Column<Row> {
  readonly title: string;
  readonly text: (row: Row) => string;
  readonly colour?: (row: Row) => Colour | undefined;
  readonly align?: 'left' | 'right';
  /** Shortened first where the terminal is narrow. */
  readonly isFlexible?: boolean;
}

const GAP = '  ';
const NARROWEST = 6;

/** Prints rows for people; as wide as the terminal, and whole where there is none, for grep. */
export async function printTable<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  whenEmpty: string,
): Promise<void> {
  if (rows.length === 0) return console.log(whenEmpty);
  const cells = rows.map((row) => columns.map(({ text }) => oneLine(text(row))));
  const widths = fitColumns(
    columns.map(({ title, isFlexible = false }, index) => {
      const natural = Math.max(title.length, ...cells.map((row) => displayWidth(row[index] ?? '')));
      // The first column names the row: half an id names nothing.
      return { natural, least: index === 0 ? natural : Math.min(natural, NARROWEST), isFlexible };
    }),
    roomFor(columns.length),
  );
  const { default: Table } = await import('cli-table3');
  const table = new Table({
    chars: NO_LINES,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
    colWidths: widths,
    colAligns: columns.map(({ align = 'left' }) => align),
  });
  table.push(columns.map(({ title }, index) => coloured(shortened(title, widths[index] ?? 0), 'bold')));
  rows.forEach((row, at) => {
    const line = columns.map(({ colour }, index) =>
      coloured(shortened(cells[at]?.[index] ?? '', widths[index] ?? 0), colour?.(row)),
    );
    table.push(line);
  });
  // The last column would be filled up with spaces.
  for (const line of table.toString().split('\n')) console.log(line.trimEnd());
}

const roomFor = (columns: number): number =>
  process.stdout.isTTY ? (process.stdout.columns || 80) - (columns - 1) * GAP.length : Infinity;

const NO_LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: GAP,
};
