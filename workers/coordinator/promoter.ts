import type { Installation } from '../../shared/installation.js';
import { promoteDue, readNextDueMs, type PromoteCursor } from '../../shared/jobs/promote-due.js';

/** The longest a job that was submitted with a very short delay may go unseen. */
const TICK_MS = 50;
/** How often, and how far back, to look behind the cursor, for short delays that committed late. */
const LOOK_BACK_EVERY_MS = 500;
const LOOK_BACK_MS = 2_000;

/** Dispatches jobs when they become due. */
export class Promoter {
  cursor: PromoteCursor;
  private lookedBackAt = 0;
  /** Id to the time it was due, in order of pushing; what left the look-back window is dropped. */
  private readonly pushed = new Map<number, string>();
  private readonly pushedAt: { id: number; at: number }[] = [];

  constructor(
    private readonly installation: Installation,
    from: string,
  ) {
    this.cursor = { scheduledAt: from, id: 0 };
  }

  /** Returns when to look again, in milliseconds: exactly when the next job is due, if that is sooner than a tick. */
  async runOnce(): Promise<number> {
    const now = performance.now();
    const before = this.pushed.size;
    if (now - this.lookedBackAt >= LOOK_BACK_EVERY_MS) {
      await promoteDue(this.installation, await this.lookBackFrom(), this.pushed);
      this.lookedBackAt = now;
    }
    this.cursor = (await promoteDue(this.installation, this.cursor, this.pushed)).cursor;
    this.remember(before, now);
    const nextMs = await readNextDueMs(this.installation, this.cursor);
    return Math.max(1, Math.min(TICK_MS, nextMs ?? TICK_MS));
  }

  private async lookBackFrom(): Promise<PromoteCursor> {
    const { rows } = await this.installation.db.query<{ at: string }>(
      `SELECT ($1::timestamptz - $2 * interval '1 millisecond')::text AS at`,
      [this.cursor.scheduledAt, LOOK_BACK_MS],
    );
    return { scheduledAt: rows[0]?.at ?? this.cursor.scheduledAt, id: 0 };
  }

  private remember(before: number, now: number): void {
    for (const id of [...this.pushed.keys()].slice(before)) this.pushedAt.push({ id, at: now });
    while (this.pushedAt[0] && now - this.pushedAt[0].at > 2 * LOOK_BACK_MS) {
      this.pushed.delete((this.pushedAt.shift() as { id: number }).id);
    }
  }
}
