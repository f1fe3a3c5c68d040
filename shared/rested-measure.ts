export interface RestedMeasure<Measures> {
  /**
   * The measures, at most `maxAgeMs` old (default 5,000), or older when they are dear.
   *
   * @throws what measuring throws
   */
  read(maxAgeMs?: number): Promise<Measures>;
}

const DEFAULT_AGE_MS = 5_000;
/** Measures are kept for this many times what they took, so that measuring never takes more than a twentieth of a connection. */
const REST_FACTOR = 20;

/** One for a process: whoever asks shares what was measured, and everybody who asks meanwhile waits for it. */
export function createRestedMeasure<Measures>(
  measure: () => Promise<Measures>,
  now = () => performance.now(),
): RestedMeasure<Measures> {
  let last: { measures: Measures; at: number; tookMs: number } | undefined;
  let underWay: Promise<Measures> | undefined;

  async function measureAnew(): Promise<Measures> {
    const startedAt = now();
    const measures = await measure();
    last = { measures, at: now(), tookMs: now() - startedAt };
    return measures;
  }

  return {
    async read(maxAgeMs = DEFAULT_AGE_MS) {
      const isFresh = last && now() - last.at < Math.max(maxAgeMs, REST_FACTOR * last.tookMs);
      if (last && isFresh) return last.measures;
      underWay ??= measureAnew().finally(() => (underWay = undefined));
      return underWay;
    },
  };
}
