import { monotonicMs } from './time/monotonic.js';

export interface CoalescerOptions {
  /** Calls in one batch at most. */
  readonly maxBatch: number;
  /** Batches under way at once. */
  readonly maxInFlight: number;
  /** Fewer calls than `enough` go no sooner than `ms` milliseconds after the last ones began. */
  readonly spacing?: Spacing;
  /** Called when a batch has ended. */
  readonly afterBatch?: () => void;
}

export interface Spacing {
  readonly enough: number;
  readonly ms: number;
  /** For calls that somebody waits for: at once, too, when no batch is under way. */
  readonly endsWithBatch?: boolean;
}

/**
 * Lets concurrent calls share one statement. A call that finds a place free goes at the end of this turn of the event loop;
 * else it goes with all that came meanwhile, as soon as a batch ends. So the linger is nothing when idle, and at most one
 * statement under load; with `spacing` that and a moment more.
 */
export class Coalescer<Call> {
  private waiting: Call[] = [];
  private inFlight = 0;
  private scheduled: { cancel(): void } | undefined;
  private lastStartMs = -Infinity;

  /** `run` answers each call by itself, and never throws. */
  constructor(
    private readonly run: (batch: Call[]) => Promise<unknown>,
    private readonly options: CoalescerOptions,
  ) {}

  get isIdle(): boolean {
    return this.waiting.length === 0 && this.inFlight === 0;
  }

  add(call: Call): void {
    this.waiting.push(call);
    // Whatever linger was decided for fewer of them.
    if (this.waiting.length === this.options.spacing?.enough) this.unschedule();
    this.schedule();
  }

  private schedule(): void {
    if (this.scheduled || this.inFlight >= this.options.maxInFlight || this.waiting.length === 0) return;
    const start = () => this.startNext();
    const lingerMs = this.lingerMs();
    if (lingerMs > 0) {
      const timer = setTimeout(start, lingerMs);
      this.scheduled = { cancel: () => clearTimeout(timer) };
    } else {
      const immediate = setImmediate(start);
      this.scheduled = { cancel: () => clearImmediate(immediate) };
    }
  }

  private lingerMs(): number {
    const { spacing } = this.options;
    if (!spacing || this.waiting.length >= spacing.enough) return 0;
    if (spacing.endsWithBatch && this.inFlight === 0) return 0;
    return this.lastStartMs + spacing.ms - monotonicMs();
  }

  private unschedule(): void {
    this.scheduled?.cancel();
    this.scheduled = undefined;
  }

  private startNext(): void {
    this.scheduled = undefined;
    const batch = this.waiting.splice(0, this.options.maxBatch);
    this.inFlight++;
    this.lastStartMs = monotonicMs();
    void this.run(batch).finally(() => {
      this.inFlight--;
      if (this.inFlight === 0 && this.options.spacing?.endsWithBatch) this.unschedule();
      this.schedule();
      this.options.afterBatch?.();
    });
    this.schedule();
  }
}
