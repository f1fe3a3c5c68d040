export const median = (values: readonly number[]): number => percentile(values, 0.5);

/** Nearest rank. */
export function percentile(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(fraction * sorted.length))] ?? NaN;
}

export const perSecond = (count: number, ms: number): number => Math.round((count / ms) * 1_000);

export interface Latency {
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
}

export function latencyOf(latenciesMs: readonly number[]): Latency {
  const at = (fraction: number) => Math.round(percentile(latenciesMs, fraction) * 10) / 10;
  return { p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99) };
}

/** p50 / p95 / p99, for one cell of a table. */
export const inOneCell = ({ p50Ms, p95Ms, p99Ms }: Latency): string => `${p50Ms} / ${p95Ms} / ${p99Ms}`;
