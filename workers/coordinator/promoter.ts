import type { Installation } from '../../shared/installation.js';
import { promoteDue, type PromoteCursor, type Promotion } from '../../shared/jobs/promote-due.js';
import { RecentlyPushed } from './recently-pushed.js';

/** The longest a job that was submitted with a very short delay may go unseen, while jobs become due all the time. */
const TICK_MS = 50;
/** The same when none has for a while: an idle system should cost next to nothing. */
const QUIET_TICK_MS = 250;
const QUIET_AFTER_MS = 5_000;
/** How often, and how far back, to look behind the cursor, for short delays that committed late. */
const LOOK_BACK_EVERY_MS = 500;
const LOOK_BACK_MS = 2_000;

/** Dispatches jobs when they become due. */
export class Promoter {
  cursor: PromoteCursor;
  private lookedBackAt = 0;
  private busyAt = -Infinity;
  private readonly pushed = new RecentlyPushed(2 * LOOK_BACK_MS);

  constructor(
    private readonly installation: Installation,
    from: string,
  ) {
    this.cursor = { scheduledAt: from, id: 0 };
  }

  /** Returns when to look again, in milliseconds: exactly when the next job is due, if that is sooner than a tick. */
  async runOnce(): Promise<number> {
    const now = performance.now();
    this.pushed.beginRound(now);
    const isLookingBack = now - this.lookedBackAt >= LOOK_BACK_EVERY_MS;
    const lookBackMs = isLookingBack ? LOOK_BACK_MS : 0;
    const promotion = await promoteDue(this.installation, this.cursor, this.pushed, lookBackMs);
    if (isLookingBack) this.lookedBackAt = now;
    this.cursor = promotion.cursor;
    return this.pauseAfter(promotion, now);
  }

  private pauseAfter({ count, nextInMs }: Promotion, now: number): number {
    if (count > 0) this.busyAt = now;
    const tick = now - this.busyAt < QUIET_AFTER_MS ? TICK_MS : QUIET_TICK_MS;
    return Math.max(1, Math.min(tick, nextInMs ?? tick));
  }
}
