import { setTimeout as wait } from 'node:timers/promises';

export interface HeldBackOptions<Item> {
  /** What tells that an item is the one that was tried before. */
  readonly keyOf: (item: Item) => unknown;
  /** Those of the items that no other transaction stands in the way of just now. @throws PostgresError */
  readonly findFree: (items: readonly Item[]) => Promise<readonly Item[]>;
  /** Tries these once more; what still cannot be done is added again. Never throws. */
  readonly retry: (items: readonly Item[]) => Promise<void>;
}

interface Entry<Item> {
  readonly item: Item;
  readonly dueMs: number;
}

/** Rows of somebody's transaction are looked at so often. What is refused waits twice as long each time, up to this. */
const ROUND_MS = 150;
const MOST_MS = 5_000;
/** In one round: what is refused is looked for by halving. */
const MOST_ITEMS = 500;

/**
 * What cannot be done for now: somebody's transaction holds its rows, or a trigger of theirs refuses it, perhaps for long. It is tried
 * again apart from the rest, on one connection at a time, so that nothing else waits for it.
 */
export class HeldBack<Item> {
  private readonly entries = new Map<unknown, Entry<Item>>();
  private readonly tries = new Map<unknown, number>();
  private rounds: Promise<void> | undefined;
  private isClosed = false;

  constructor(private readonly options: HeldBackOptions<Item>) {}

  add(item: Item): void {
    if (this.isClosed) return;
    const key = this.options.keyOf(item);
    const tries = this.tries.get(key) ?? 0;
    this.tries.set(key, tries + 1);
    this.entries.set(key, { item, dueMs: performance.now() + Math.min(ROUND_MS * 2 ** tries, MOST_MS) });
    this.rounds ??= this.go().finally(() => (this.rounds = undefined));
  }

  /** What is held back now will not be tried any more. */
  close(): void {
    this.isClosed = true;
    this.entries.clear();
  }

  private async go(): Promise<void> {
    while (this.entries.size > 0) {
      await wait(ROUND_MS);
      await this.round();
    }
  }

  private async round(): Promise<void> {
    const now = performance.now();
    const due = [...this.entries].filter(([, { dueMs }]) => dueMs <= now).slice(0, MOST_ITEMS);
    if (due.length === 0) return;
    const items = due.map(([, { item }]) => item);
    // Whoever cannot tell lets all of them be tried.
    const free = await this.options.findFree(items).catch(() => items);
    const keys = new Set(free.map((item) => this.options.keyOf(item)));
    for (const [key, { item }] of due) {
      this.entries.delete(key);
      // Behind all others: a round is for so many.
      if (!keys.has(key) && !this.isClosed) this.entries.set(key, { item, dueMs: now + ROUND_MS });
    }
    if (free.length > 0) await this.options.retry(free);
    for (const key of keys) if (!this.entries.has(key)) this.tries.delete(key);
  }
}
