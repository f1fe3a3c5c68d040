interface Batch {
  readonly ids: readonly number[];
  isAnswered: boolean;
}

/**
 * What a worker's processing list in Redis holds, as far as the worker knows: ids in the order in which they came, some together.
 * They leave it in that order, once their claims have been answered.
 */
export class ProcessingList {
  private batches: Batch[] = [];

  /** Empty when nothing is in it. */
  get oldest(): string {
    return String(this.batches[0]?.ids[0] ?? '');
  }

  add(ids: readonly number[]): void {
    if (ids.length > 0) this.batches.push({ ids, isAnswered: false });
  }

  /** The claim of ids that were added together was answered: Redis need not hold them any longer. False: they are not in it. */
  answer(ids: readonly number[]): boolean {
    const batch = this.batches.find((one) => one.ids === ids);
    if (batch) batch.isAnswered = true;
    return batch !== undefined;
  }

  /** Forgets what has been answered from the oldest on, and returns how many ids these are. */
  forgetAnswered(): number {
    const kept = this.batches.findIndex(({ isAnswered }) => !isAnswered);
    const answered = this.batches.splice(0, kept < 0 ? this.batches.length : kept);
    return answered.reduce((sum, { ids }) => sum + ids.length, 0);
  }

  clear(): void {
    this.batches = [];
  }
}
