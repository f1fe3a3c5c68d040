type Entry = string | number;

/** Entries that came together; what of them are ids has one claim. */
interface Batch {
  readonly ids: readonly number[];
  readonly entries: readonly Entry[];
  isAnswered: boolean;
}

/** How many entries may go, from the oldest on, and the last of these; empty when none may. */
export interface Answered {
  readonly count: number;
  readonly last: string;
}

/**
 * What a worker's processing list in Redis holds, as far as the worker knows: entries in the order in which they came, some
 * together. They leave it in that order, once their claims have been answered.
 */
export class ProcessingList {
  private batches: Batch[] = [];

  /** Empty when nothing is in it. */
  get oldest(): string {
    return String(this.batches[0]?.entries[0] ?? '');
  }

  /** `entries`: with the garbage among them, which no claim answers for. */
  add(ids: readonly number[], entries: readonly Entry[] = ids): void {
    if (entries.length > 0) this.batches.push({ ids, entries, isAnswered: ids.length === 0 });
  }

  /** The claim of ids that were added together was answered: Redis need not hold them any longer. False: they are not in it. */
  answer(ids: readonly number[]): boolean {
    const batch = this.batches.find((one) => one.ids === ids);
    if (batch) batch.isAnswered = true;
    return batch !== undefined;
  }

  /** Forgets what has been answered, from the oldest on. */
  forgetAnswered(): Answered {
    const kept = this.batches.findIndex(({ isAnswered }) => !isAnswered);
    const answered = this.batches.splice(0, kept < 0 ? this.batches.length : kept);
    const count = answered.reduce((sum, { entries }) => sum + entries.length, 0);
    return { count, last: String(answered.at(-1)?.entries.at(-1) ?? '') };
  }

  clear(): void {
    this.batches = [];
  }
}
