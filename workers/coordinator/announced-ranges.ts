/** Ids between two that were announced; those in between cost a look. */
const MOST_GAP = 100;

export interface IdRange {
  readonly lowest: number;
  readonly highest: number;
}

/**
 * Ranges of announced ids, worked on one after the other. A transaction of many statements announces each of them, all at its COMMIT:
 * those that lie side by side become one.
 */
export class AnnouncedRanges {
  private readonly waiting: { lowest: number; highest: number }[] = [];
  private working: Promise<void> | undefined;

  /** `work` never throws. */
  constructor(private readonly work: (range: IdRange) => Promise<void>) {}

  add({ lowest, highest }: IdRange): void {
    const last = this.waiting.at(-1);
    if (last && lowest <= last.highest + MOST_GAP && highest >= last.lowest - MOST_GAP) {
      last.lowest = Math.min(last.lowest, lowest);
      last.highest = Math.max(last.highest, highest);
    } else this.waiting.push({ lowest, highest });
    this.working ??= this.go().finally(() => (this.working = undefined));
  }

  private async go(): Promise<void> {
    // All that one COMMIT announces has come before the first of it is read.
    await new Promise((resolve) => setImmediate(resolve));
    for (const ranges = this.waiting; ranges.length > 0;) {
      for (const range of ranges.splice(0)) await this.work(range);
    }
  }
}
