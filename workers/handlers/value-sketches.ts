/**
 * Counting values in bounded memory. Both sketches know values by a 53-bit hash, so that long values cost no more
 * than short ones; among a million distinct values two share a hash with a probability of one in 18,000.
 */

const { imul } = Math;

/** cyrb53 by bryc (public domain): fast, and good enough where nobody gains from a collision. */
export function hash53(text: string): number {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    high = imul(high ^ code, 2654435761);
    low = imul(low ^ code, 1597334677);
  }
  high = imul(high ^ (high >>> 16), 2246822507) ^ imul(low ^ (low >>> 13), 3266489909);
  low = imul(low ^ (low >>> 16), 2246822507) ^ imul(high ^ (high >>> 13), 3266489909);
  return 4294967296 * (2097151 & low) + (high >>> 0);
}

const REGISTER_BITS = 12;
const REGISTERS = 2 ** REGISTER_BITS;

/**
 * How many distinct values there are: exact up to a cap, beyond it estimated by HyperLogLog (Flajolet et al., 2007)
 * with a standard error of 1.6 %.
 */
export class DistinctCounter {
  #exact: Set<number> | undefined = new Set();
  #registers: Uint8Array | undefined;
  readonly #cap: number;

  constructor(cap: number) {
    this.#cap = cap;
  }

  add(hash: number): void {
    if (this.#exact === undefined) return this.#register(hash);
    this.#exact.add(hash);
    if (this.#exact.size <= this.#cap) return;
    for (const known of this.#exact) this.#register(known);
    this.#exact = undefined;
  }

  get isExact(): boolean {
    return this.#exact !== undefined;
  }

  get count(): number {
    return this.#exact?.size ?? this.#estimate();
  }

  #register(hash: number): void {
    this.#registers ??= new Uint8Array(REGISTERS);
    const high = Math.floor(hash / 4294967296);
    const slot = high % REGISTERS;
    // The rank of the first set bit in the low 32 bits, which the slot does not use.
    const rank = Math.clz32(hash >>> 0) + 1;
    if (rank > (this.#registers[slot] ?? 0)) this.#registers[slot] = rank;
  }

  #estimate(): number {
    const registers = this.#registers ?? new Uint8Array(REGISTERS);
    let sum = 0;
    let zeros = 0;
    for (const rank of registers) {
      sum += 2 ** -rank;
      if (rank === 0) zeros += 1;
    }
    const estimate = ((0.7213 / (1 + 1.079 / REGISTERS)) * REGISTERS * REGISTERS) / sum;
    // Small counts leave registers empty; counting those is more exact there.
    if (estimate <= 2.5 * REGISTERS && zeros > 0) return Math.round(REGISTERS * Math.log(REGISTERS / zeros));
    return Math.round(estimate);
  }
}

export interface FrequentValue {
  value: string;
  count: number;
}

/**
 * The most frequent values by Misra and Gries (1982): exact while there are no more distinct values than counters;
 * beyond that each count may be too low by at most `maxUndercount`, and no frequent value is ever missed.
 */
export class FrequentValues {
  readonly #counters = new Map<number, FrequentValue>();
  readonly #capacity: number;
  #maxUndercount = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** @param render gives the value as it is to be shown; called only for a value that gets a counter */
  add(hash: number, render: () => string): void {
    const counter = this.#counters.get(hash);
    if (counter !== undefined) counter.count += 1;
    else if (this.#counters.size < this.#capacity) this.#counters.set(hash, { value: render(), count: 1 });
    else this.#decrementAll();
  }

  get maxUndercount(): number {
    return this.#maxUndercount;
  }

  /** The top values that are surely more frequent than any value that lost its counter. */
  top(limit: number): FrequentValue[] {
    return [...this.#counters.values()]
      .filter(({ count }) => count > this.#maxUndercount)
      .sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1))
      .slice(0, limit);
  }

  // Each round takes away as many counts as it touches counters, so that over all values it costs O(1) for each.
  #decrementAll(): void {
    this.#maxUndercount += 1;
    for (const [hash, counter] of this.#counters) {
      counter.count -= 1;
      if (counter.count === 0) this.#counters.delete(hash);
    }
  }
}
