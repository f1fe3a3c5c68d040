/** One number that a bound is about. */
export interface Quantity {
  readonly what: string;
  readonly unit: 'ms' | '%' | '/s' | '';
  /** No reading may be above it. Undefined: promised nowhere, shown to explain the others. */
  readonly limit?: number;
}

export type Say = (line: string) => void;

/** Something that Holdfast promises with a number, and how it is measured. */
export interface Bound<Name extends string = string> {
  /** For `--only`. */
  readonly name: string;
  /** The fault, or the situation, for people. */
  readonly what: string;
  /** Takes minutes: measured once, unless more is asked for. */
  readonly isLong?: boolean;
  readonly quantities: Readonly<Record<Name, Quantity>>;
  /**
   * Measures each quantity once, in a world of its own.
   *
   * @throws Error when what it waits for does not come
   */
  measure(say: Say): Promise<Readonly<Record<Name, number>>>;
}

/** Lets the names of the quantities be checked against what `measure` returns. */
export const defineBound = <const Name extends string>(bound: Bound<Name>): Bound => bound;
