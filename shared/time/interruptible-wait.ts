/** A wait that somebody else may end early: stopping, or work that arrived. */
export class InterruptibleWait {
  private wake: (() => void) | undefined;
  private wasWoken = false;

  /** Resolves after `ms`, or at once when `interrupt` is, or was since the last wait, called. */
  async wait(ms: number): Promise<void> {
    if (!this.wasWoken && ms > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        const wake = () => {
          clearTimeout(timer);
          resolve();
        };
        this.wake = wake;
      });
    }
    this.wake = undefined;
    this.wasWoken = false;
  }

  interrupt(): void {
    this.wasWoken = true;
    this.wake?.();
  }
}
