/** Ids in a row that were given out, and of which no row was seen. */
interface Gap {
  readonly lowest: number;
  readonly highest: number;
  /** In milliseconds, of performance.now(). */
  readonly since: number;
}

/** A transaction that takes longer than this from its INSERT to its COMMIT is left to the polls. */
const KEEP_MS = 60_000;
/** Each costs a probe of the primary key at every look. Most are ids of transactions that were rolled back. */
const MOST_GAPS = 1_000;

/**
 * The ids of jobs that may still come to light: transactions commit in another order than that in which their ids were
 * given out, so that a cursor alone would pass some by.
 */
export class UnseenIds {
  private gaps: Gap[] = [];

  /** @param last the highest id that is of no interest */
  constructor(public last: number) {}

  get isEmpty(): boolean {
    return this.gaps.length === 0;
  }

  /** The bounds of the gaps, both included, lowest first. */
  get bounds(): { lowest: number[]; highest: number[] } {
    return {
      lowest: this.gaps.map(({ lowest }) => lowest),
      highest: this.gaps.map(({ highest }) => highest),
    };
  }

  /** Ids up to `last` have been given out. */
  extend(last: number, now: number): void {
    if (last <= this.last) return;
    this.gaps.push({ lowest: this.last + 1, highest: last, since: now });
    this.last = last;
  }

  /** Rows with these ids, all of them within the bounds, are there. */
  see(ids: readonly number[]): void {
    const seen = [...ids].sort((a, b) => a - b);
    let at = 0;
    this.gaps = this.gaps.flatMap((gap) => {
      const left: Gap[] = [];
      let lowest = gap.lowest;
      for (let id = seen[at]; id !== undefined && id <= gap.highest; id = seen[++at]) {
        if (id > lowest) left.push({ ...gap, lowest, highest: id - 1 });
        lowest = id + 1;
      }
      if (lowest <= gap.highest) left.push({ ...gap, lowest });
      return left;
    });
  }

  /** Gives up what is too old, and the oldest of too many. */
  forget(now: number): void {
    this.gaps = this.gaps.filter(({ since }) => now - since < KEEP_MS).slice(-MOST_GAPS);
  }
}
