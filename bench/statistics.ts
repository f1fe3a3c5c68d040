export const median = (values: readonly number[]): number => percentile(values, 0.5);

/** Nearest rank. */
export function percentile(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(fraction * sorted.length))] ?? NaN;
}

export const perSecond = (count: number, ms: number): number => Math.round((count / ms) * 1_000);
