export interface CoalescerOptions {
  /** Calls in one batch at most. */
  readonly maxBatch: number;
  /** Batches under way at once. */
  readonly maxInFlight: number;
}

/**
 * Lets concurrent calls share one statement. There is no timer: a call that finds a place free goes at the end of this turn
 * of the event loop; else it goes with all that came meanwhile, as soon as a batch ends. So the linger is nothing when idle,
 * and at most one statement under load.
 */
export class Coalescer<Call> {
  private waiting: Call[] = [];
  private inFlight = 0;
  private isScheduled = false;

  /** `run` answers each call by itself, and never throws. */
  constructor(
    private readonly run: (batch: Call[]) => Promise<void>,
    private readonly options: CoalescerOptions,
  ) {}

  add(call: Call): void {
    this.waiting.push(call);
    this.schedule();
  }

  private schedule(): void {
    const { maxBatch, maxInFlight } = this.options;
    if (this.isScheduled || this.inFlight >= maxInFlight || this.waiting.length === 0) return;
    this.isScheduled = true;
    setImmediate(() => {
      this.isScheduled = false;
      const batch = this.waiting.splice(0, maxBatch);
      this.inFlight++;
      void this.run(batch).finally(() => {
        this.inFlight--;
        this.schedule();
      });
      this.schedule();
    });
  }
}
