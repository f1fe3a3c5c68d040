/** How many jobs may run at once, and who waits for a free place. */
export class Slots {
  private used = 0;
  /** Consumers of several queues may share the slots, and wait at the same time. */
  private readonly waiting = new Set<() => void>();

  constructor(readonly total: number) {}

  get free(): number {
    return this.total - this.used;
  }

  get inUse(): number {
    return this.used;
  }

  take(count: number): void {
    this.used += count;
  }

  give(count: number): void {
    this.used -= count;
    if (this.used < this.total) this.interrupt();
  }

  /** Ends all waits under way: something changed, or stopping. */
  interrupt(): void {
    for (const wake of this.waiting) wake();
  }

  /**
   * Resolves when a slot is free. Then it lingers for a moment, so that jobs which end together are replaced by one
   * take instead of many: until a quarter of the slots is free, at most `lingerMs`.
   */
  async whenFree(lingerMs: number): Promise<void> {
    if (this.free <= 0) await this.nextChange();
    const worthIt = Math.ceil(this.total / 4);
    const giveUpAt = performance.now() + lingerMs;
    // A turn of the event loop first: what ended in this one has then been counted.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.free < worthIt && performance.now() < giveUpAt)
      await this.nextChange(giveUpAt - performance.now());
  }

  private async nextChange(mostMs?: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.waiting.delete(wake);
        resolve();
      };
      const timer = mostMs === undefined ? undefined : setTimeout(wake, Math.max(1, mostMs));
      this.waiting.add(wake);
    });
  }
}
