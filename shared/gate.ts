/** Lets so many through at a time; the others wait, in the order in which they came, but not for ever. */
export class Gate {
  private inside = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly most: number) {}

  /** @throws what `tooLate` makes when no place came free within `mostWaitMs`; what `work` throws */
  async pass<T>(mostWaitMs: number, tooLate: () => Error, work: () => Promise<T>): Promise<T> {
    if (this.inside >= this.most) await this.wait(mostWaitMs, tooLate);
    else this.inside++;
    try {
      return await work();
    } finally {
      // Whoever is next takes over this place.
      const next = this.waiting.shift();
      if (next) next();
      else this.inside--;
    }
  }

  private wait(mostWaitMs: number, tooLate: () => Error): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = () => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.waiting.splice(this.waiting.indexOf(enter), 1);
        reject(tooLate());
      }, mostWaitMs);
      this.waiting.push(enter);
    });
  }
}
