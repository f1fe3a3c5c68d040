import type { Options } from 'csv-parse';
import type { CsvError } from 'csv-parse';
import { PermanentError } from '../../shared/jobs/job-errors.js';
import { ColumnStatistics, type ColumnSummary } from './column-statistics.js';
import { excerpt } from './excerpt.js';

/** A longer row is the sign of a quote that is never closed. */
const MAX_ROW_BYTES = 1_048_576;
const MAX_COLUMNS = 2_000;

export interface RowOptions {
  readonly delimiter: string;
  readonly hasHeader: boolean;
  readonly maxIrregularRows: number;
  /** Names of the columns to look at; all when undefined. */
  readonly columns: readonly string[] | undefined;
}

export function parserOptions({ delimiter }: RowOptions): Options {
  return {
    delimiter,
    bom: true,
    // Given, not discovered: files put together from parts end their lines in more than one way.
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: MAX_ROW_BYTES,
  };
}

/** Takes a table row by row; the first row tells the columns. */
export class TableStatistics {
  readonly #options: RowOptions;
  /** By position in the row; without an entry for columns that were not asked for. */
  #columns: (ColumnStatistics | undefined)[] | undefined;
  rows = 0;
  rowsTooShort = 0;
  rowsTooLong = 0;
  firstIrregularRow: number | null = null;

  constructor(options: RowOptions) {
    this.#options = options;
  }

  add(row: readonly string[]): void {
    if (this.#columns === undefined) {
      this.#columns = this.#columnsOf(row);
      if (this.#options.hasHeader) return;
    }
    this.rows += 1;
    if (row.length !== this.#columns.length) this.#countIrregular(row.length < this.#columns.length);
    for (let index = 0; index < this.#columns.length; index += 1) this.#columns[index]?.add(row[index]);
  }

  summaries(): ColumnSummary[] {
    return (this.#columns ?? []).flatMap((column) => (column === undefined ? [] : [column.summary()]));
  }

  #columnsOf(row: readonly string[]): (ColumnStatistics | undefined)[] {
    if (row.length > MAX_COLUMNS) {
      throw new PermanentError(
        `The first row has ${row.length} columns; at most ${MAX_COLUMNS} can be processed.`,
      );
    }
    const names = this.#options.hasHeader ? columnNames(row) : row.map((_, index) => `column_${index + 1}`);
    const wanted = this.#options.columns;
    const unknown = wanted?.filter((name) => !names.includes(name)) ?? [];
    if (unknown.length > 0) {
      const known = excerpt(names.join(', '), 500);
      throw new PermanentError(
        `There is no column ${unknown.join(', ')}. The columns are: ${known}. Correct the payload.`,
      );
    }
    const isWanted = (name: string): boolean => wanted?.includes(name) ?? true;
    const count = wanted?.length ?? names.length;
    return names.map((name) => (isWanted(name) ? new ColumnStatistics(name, count) : undefined));
  }

  #countIrregular(isTooShort: boolean): void {
    this.firstIrregularRow ??= this.rows;
    if (isTooShort) this.rowsTooShort += 1;
    else this.rowsTooLong += 1;
    if (this.rowsTooShort + this.rowsTooLong <= this.#options.maxIrregularRows) return;
    throw new PermanentError(
      `More than ${this.#options.maxIrregularRows} rows have too few or too many columns, the first is row ` +
        `${this.firstIrregularRow}. Check the delimiter ("${this.#options.delimiter}"), or raise max_irregular_rows.`,
    );
  }
}

/** A parser error as a person wants to read it: where, what, and what to do. */
export function malformedError(error: CsvError, { hasHeader }: RowOptions): PermanentError {
  const details = error as CsvError & { records?: number; lines?: number };
  const row = (details.records ?? 0) + (hasHeader ? 0 : 1);
  const where = `${row === 0 ? 'the header' : `row ${row}`} (line ${details.lines ?? row})`;
  const reason =
    error.code === 'CSV_MAX_RECORD_SIZE'
      ? `it is longer than ${MAX_ROW_BYTES} bytes, or a quote before it is never closed`
      : excerpt(error.message, 300);
  return new PermanentError(
    `The CSV is malformed at ${where}: ${reason}. Correct the file, or the delimiter and encoding in the payload.`,
    { cause: error },
  );
}

/** Every column gets a name of its own, also where the header repeats one or has a gap. */
function columnNames(header: readonly string[]): string[] {
  const taken = new Set<string>();
  return header.map((cell, index) => {
    const base = excerpt(cell.trim(), 200) || `column_${index + 1}`;
    let name = base;
    for (let suffix = 2; taken.has(name); suffix += 1) name = `${base}_${suffix}`;
    taken.add(name);
    return name;
  });
}
