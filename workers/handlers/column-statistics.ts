import { excerpt } from './excerpt.js';
import { columnType, valueKind, type ColumnType, type ValueKind } from './value-kind.js';
import { DistinctCounter, FrequentValues, hash53, type FrequentValue } from './value-sketches.js';

const TOP_VALUES = 10;
const SHOWN_CHARACTERS = 200;
/** Exact counting is bounded for a column and for all columns together: some 50 MB when every value differs. */
const EXACT_PER_COLUMN = 10_000;
const DISTINCT_BUDGET = 500_000;
const COUNTERS_BUDGET = 100_000;

export interface ColumnSummary {
  name: string;
  type: ColumnType;
  /** How many values look like what; tells what is mixed in a mixed column. */
  kinds: Partial<Record<ValueKind, number>>;
  /** Cells with a value, and without. */
  count: number;
  missing: number;
  /** Of what the column's type is: numbers, dates or text. In a mixed column, of its numbers. */
  min: number | string | null;
  max: number | string | null;
  /** Of the numbers in an integer, number or mixed column; the deviation is that of a sample (n − 1). */
  mean: number | null;
  stddev: number | null;
  numeric_count: number;
  distinct: number;
  distinct_is_exact: boolean;
  /** Empty, too, where the result would be larger than a result may be. */
  top_values: FrequentValue[];
  /** By how much the counts of `top_values` may be too low; 0 says they are exact. */
  top_values_max_undercount: number;
  /** In characters, of the longest value. */
  longest_length: number;
}

/** Statistics of one CSV column, gathered value by value in memory that does not grow with the rows. */
export class ColumnStatistics {
  readonly #kinds: Record<ValueKind, number> = {
    integer: 0,
    number: 0,
    boolean: 0,
    date: 0,
    code: 0,
    string: 0,
  };
  readonly #numbers = new NumberSummary();
  readonly #texts = new TextRange();
  readonly #dates = new Range<number>();
  readonly #distinct: DistinctCounter;
  readonly #frequent: FrequentValues;
  #count = 0;
  #missing = 0;
  #longest = 0;

  constructor(
    readonly name: string,
    columnCount = 1,
  ) {
    this.#distinct = new DistinctCounter(
      Math.min(EXACT_PER_COLUMN, Math.floor(DISTINCT_BUDGET / columnCount)),
    );
    this.#frequent = new FrequentValues(
      Math.min(EXACT_PER_COLUMN, Math.floor(COUNTERS_BUDGET / columnCount)),
    );
  }

  /** Takes the next cell; without a value it counts as missing. */
  add(cell: string | undefined): void {
    const value = cell?.trim() ?? '';
    if (value === '') {
      this.#missing += 1;
      return;
    }
    const kind = valueKind(value);
    this.#count += 1;
    this.#kinds[kind] += 1;
    this.#longest = Math.max(this.#longest, value.length);
    this.#texts.add(value);
    if (kind === 'integer' || kind === 'number') this.#numbers.add(Number(value));
    if (kind === 'date') this.#dates.add(instantOf(value));
    const hash = hash53(value);
    this.#distinct.add(hash);
    this.#frequent.add(hash, () => excerpt(value, SHOWN_CHARACTERS));
  }

  summary(): ColumnSummary {
    const type = columnType(this.#kinds);
    const hasNumbers = type === 'integer' || type === 'number' || type === 'mixed';
    return {
      name: this.name,
      type,
      kinds: Object.fromEntries(Object.entries(this.#kinds).filter(([, count]) => count > 0)),
      count: this.#count,
      missing: this.#missing,
      ...this.#range(type),
      mean: hasNumbers ? this.#numbers.mean : null,
      stddev: hasNumbers ? this.#numbers.stddev : null,
      numeric_count: hasNumbers ? this.#numbers.count : 0,
      distinct: this.#distinct.count,
      distinct_is_exact: this.#distinct.isExact,
      top_values: this.#frequent.top(TOP_VALUES),
      top_values_max_undercount: this.#frequent.maxUndercount,
      longest_length: this.#longest,
    };
  }

  #range(type: ColumnType): Pick<ColumnSummary, 'min' | 'max'> {
    if (type === 'string' || type === 'boolean' || type === 'empty') {
      return { min: this.#texts.min ?? null, max: this.#texts.max ?? null };
    }
    if (type === 'date') return { min: isoDate(this.#dates.min), max: isoDate(this.#dates.max) };
    return { min: this.#numbers.min ?? null, max: this.#numbers.max ?? null };
  }
}

class Range<Value extends number | string> {
  min: Value | undefined;
  max: Value | undefined;

  add(value: Value): void {
    // A date with an impossible zone is not an instant.
    if (Number.isNaN(value)) return;
    if (this.min === undefined || value < this.min) this.min = value;
    if (this.max === undefined || value > this.max) this.max = value;
  }
}

class TextRange extends Range<string> {
  override add(value: string): void {
    // Only what is kept is shortened: most values are neither, and shortening is the slower part.
    if (this.min === undefined || this.max === undefined || value < this.min || value > this.max) {
      super.add(excerpt(value, SHOWN_CHARACTERS));
    }
  }
}

/** Mean and deviation by Welford's method, which stays exact where summing squares would cancel out. */
class NumberSummary extends Range<number> {
  count = 0;
  #mean = 0;
  #squares = 0;

  override add(value: number): void {
    super.add(value);
    this.count += 1;
    const delta = value - this.#mean;
    this.#mean += delta / this.count;
    this.#squares += delta * (value - this.#mean);
  }

  get mean(): number | null {
    return this.count === 0 ? null : finite(this.#mean);
  }

  get stddev(): number | null {
    return this.count < 2 ? null : finite(Math.sqrt(this.#squares / (this.count - 1)));
  }
}

/** Values near the limit of what a number can hold overflow; JSON has no infinity. */
function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

/** A date without a zone is taken as UTC, so that the result does not depend on where the worker runs. */
function instantOf(value: string): number {
  const iso = value.replaceAll('/', '-').replace(' ', 'T');
  const hasNoZone = iso.includes('T') && !/(?:Z|[+-]\d{2}:?\d{2})$/.test(iso.slice(11));
  return Date.parse(hasNoZone ? `${iso}Z` : iso);
}

function isoDate(instant: number | undefined): string | null {
  if (instant === undefined) return null;
  return new Date(instant).toISOString().replace('T00:00:00.000Z', '');
}
