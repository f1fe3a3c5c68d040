import { InterruptibleWait } from '../shared/time/interruptible-wait.js';
import { monotonicMs } from '../shared/time/monotonic.js';

/** More of them only contend, and each needs a connection of its own, which takes a while to get warm. */
const MOST_AT_ONCE = 2;
/** Jobs that come one by one: those of so many milliseconds share a claim. */
const SPACING_MS = 2;
/** A claim that takes longer is held up, by somebody's lock for one: others do not wait for it. */
const PATIENCE_MS = 50;

/**
 * The claims of a consumer whose answers are still to come, and when the next one is worth a statement: at most two at a time,
 * and one while the lanes are empty, so that what comes meanwhile shares the next one. An idle system claims at once.
 */
export class ClaimsUnderWay {
  private readonly claims = new Set<Promise<void>>();
  private readonly change = new InterruptibleWait();
  private lastStartMs = -Infinity;

  get size(): number {
    return this.claims.size;
  }

  /** A claim begins now. It never rejects. */
  add(claim: Promise<void>): void {
    this.lastStartMs = monotonicMs();
    this.claims.add(claim);
    void claim.then(() => {
      this.claims.delete(claim);
      this.change.interrupt();
    });
  }

  /** Resolves when another claim may begin; `isDrained`: the lanes are empty. */
  async whenNextIsWorthIt(isDrained: boolean): Promise<void> {
    const most = isDrained ? 1 : MOST_AT_ONCE;
    const giveUpAt = monotonicMs() + PATIENCE_MS;
    for (;;) {
      const now = monotonicMs();
      const spacedAt = isDrained ? this.lastStartMs + SPACING_MS : now;
      const worthItAt = this.claims.size < most ? spacedAt : giveUpAt;
      if (worthItAt <= now) return;
      await this.change.wait(worthItAt - now);
    }
  }

  async whenAllHaveEnded(): Promise<void> {
    await Promise.all(this.claims);
  }
}
