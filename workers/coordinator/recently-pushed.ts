import type { PushedJobs } from '../../shared/jobs/promote-due.js';

interface Round {
  readonly atMs: number;
  readonly ids: number[];
}

/** Forgetting a burst of a million takes its time, too: a part of it at a time. */
const FORGOTTEN_TOGETHER = 20_000;

/** The jobs that were pushed within the last so many milliseconds, and for which time. */
export class RecentlyPushed implements PushedJobs {
  private readonly dueAt = new Map<number, string>();
  private readonly rounds: Round[] = [];

  constructor(private readonly forMs: number) {}

  has(id: number, scheduledAt: string): boolean {
    return this.dueAt.get(id) === scheduledAt;
  }

  add(id: number, scheduledAt: string): void {
    this.dueAt.set(id, scheduledAt);
    this.rounds.at(-1)?.ids.push(id);
  }

  /** What is pushed from here on was pushed now. */
  beginRound(nowMs: number): void {
    this.forget(nowMs - this.forMs);
    const last = this.rounds.at(-1);
    if (last?.ids.length === 0) this.rounds.pop();
    this.rounds.push({ atMs: nowMs, ids: [] });
  }

  private forget(beforeMs: number): void {
    const [oldest] = this.rounds;
    if (!oldest || oldest.atMs >= beforeMs) return;
    for (const id of oldest.ids.splice(-FORGOTTEN_TOGETHER)) this.dueAt.delete(id);
    if (oldest.ids.length === 0) this.rounds.shift();
  }
}
