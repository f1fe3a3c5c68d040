/** A person may have corrected what was wrong. */
const FOR_MS = 5_000;

/** Ids of jobs that PostgreSQL did not let this worker claim, because of a trigger or constraint of somebody's own. Left alone for a while. */
export class RefusedJobs {
  private readonly untilMs = new Map<number, number>();

  add(id: number): void {
    this.untilMs.set(id, performance.now() + FOR_MS);
  }

  /** Those that are still left alone. */
  ids(): number[] {
    const now = performance.now();
    for (const [id, until] of this.untilMs) if (until <= now) this.untilMs.delete(id);
    return [...this.untilMs.keys()];
  }

  /** Nearly always all of them. */
  leaveOut(ids: readonly number[]): readonly number[] {
    if (this.untilMs.size === 0) return ids;
    const refused = new Set(this.ids());
    return ids.filter((id) => !refused.has(id));
  }
}
