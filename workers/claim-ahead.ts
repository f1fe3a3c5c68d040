import { monotonicMs } from '../shared/time/monotonic.js';

/** Jobs are counted over windows of this length, or longer ones when nobody asks. */
const WINDOW_MS = 100;
/** A claim that takes longer was held up, and tells nothing about the next one. */
const MOST_CLAIM_MS = 50;
/** What ended at once must not be divided by. */
const SHORTEST_MS = 0.001;
/** The weight of the newest value in a moving mean. */
const NEW_CLAIM = 0.2;
const NEW_DURATION = 0.05;

/**
 * How many jobs a worker claims beyond its free slots: as many as will probably end while a claim is under way, so that a slot
 * finds its next job here instead of waiting for PostgreSQL. Two estimates of it, of which the lower one counts: jobs that ended
 * lately, and by Little's law (jobs running = rate × duration) those that run now. The first is too high after many long jobs
 * ended together, the second when a few long jobs hold most slots.
 */
export class ClaimAhead {
  private windowStart: number;
  private endedInWindow = 0;
  private endedPerMs = 0;
  private meanDurationMs = Infinity;
  private meanClaimMs = 0;

  /** @param lingerMs how long a free slot may wait before a claim begins */
  constructor(
    private readonly lingerMs: number,
    private readonly nowMs: () => number = monotonicMs,
  ) {
    this.windowStart = nowMs();
  }

  /** A claim was answered after so many milliseconds. */
  noteClaim(tookMs: number): void {
    this.meanClaimMs += NEW_CLAIM * (Math.min(tookMs, MOST_CLAIM_MS) - this.meanClaimMs);
  }

  /** A job that held its slot for so many milliseconds has ended. */
  noteEnd(durationMs: number): void {
    const atLeast = Math.max(durationMs, SHORTEST_MS);
    if (this.meanDurationMs === Infinity) this.meanDurationMs = atLeast;
    else this.meanDurationMs += NEW_DURATION * (atLeast - this.meanDurationMs);
    this.endedInWindow++;
  }

  /** Jobs, while `running` of them hold slots. */
  count(running: number): number {
    this.turnWindow();
    const horizonMs = this.lingerMs + this.meanClaimMs;
    return Math.floor(Math.min(this.endedPerMs, running / this.meanDurationMs) * horizonMs);
  }

  private turnWindow(): void {
    const elapsedMs = this.nowMs() - this.windowStart;
    if (elapsedMs < WINDOW_MS) return;
    this.endedPerMs = this.endedInWindow / elapsedMs;
    this.endedInWindow = 0;
    this.windowStart += elapsedMs;
  }
}
