/** What prom-client's counters and histograms have in common: a child for each set of label values. */
interface Labelled<Child> {
  labels(...values: string[]): Child;
}

/** Job types come from whoever may submit: label values must not grow without end. */
const MOST_CHILDREN = 2_000;
const OVERFLOW = '(other)';

/**
 * The children of a metric by their label values, made once. Making one costs ten times what counting does, and counting
 * is on the hot path. Beyond a bound all share one child.
 */
export function childrenOf<Child>(metric: Labelled<Child>): (...values: string[]) => Child {
  const known = new Map<string, Child>();
  return (...values) => {
    const key = values.length === 1 ? values[0]! : values.join('\n');
    const found = known.get(key);
    if (found) return found;
    const isFull = known.size >= MOST_CHILDREN;
    const child = isFull ? metric.labels(...values.map(() => OVERFLOW)) : metric.labels(...values);
    if (!isFull) known.set(key, child);
    return child;
  };
}

/** Counts a batch: one increment for each child, not for each item. */
export function tally<Item>(
  items: readonly Item[],
  childOf: (item: Item) => { inc(by: number): void },
): void {
  const counts = new Map<{ inc(by: number): void }, number>();
  for (const item of items) {
    const child = childOf(item);
    counts.set(child, (counts.get(child) ?? 0) + 1);
  }
  for (const [child, count] of counts) child.inc(count);
}
