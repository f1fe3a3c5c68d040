import { repeat, type Submitter } from '../load/submitter.js';
import { followLedger } from '../world/ledger.js';
import type { World } from '../world/world.js';

const EVERY_MS = 200;

/** A job submitted by plain SQL to see how long the system needs to run it. Milliseconds since 1970. */
interface Probe {
  readonly submittedAt: number;
  ranAt: number | undefined;
}

export interface RecoveryWatch {
  /** How long after this moment the first job ran that was submitted after it; undefined: none did. */
  recoveredAfterMs(moment: number): number | undefined;
  /** The longest time in which no handler began. */
  readonly longestStallMs: number;
  stop(): Promise<void>;
}

/** Submits a small urgent job five times a second, and sees in the ledger when it runs. */
export function watchRecovery({ db, ledgerPath }: World): RecoveryWatch {
  const probes = new Map<string, Probe>();
  const readOn = followLedger(ledgerPath);
  let count = 0;
  let lastEffectAt = Date.now();
  let longestStallMs = 0;

  async function submit(): Promise<void> {
    const ref = `p${++count}`;
    const submittedAt = Date.now();
    await db
      .query(
        `INSERT INTO jobs (job_type, payload, priority) VALUES ('probe', jsonb_build_object('ref', $1::text), 100)`,
        [ref],
      )
      .then(
        () => probes.set(ref, { submittedAt, ranAt: undefined }),
        () => undefined,
      );
  }

  async function look(): Promise<void> {
    for (const { ref, at } of await readOn()) {
      longestStallMs = Math.max(longestStallMs, at - lastEffectAt);
      lastEffectAt = Math.max(lastEffectAt, at);
      const probe = probes.get(ref);
      if (probe) probe.ranAt ??= at;
    }
  }

  const loops: Submitter[] = [repeat(EVERY_MS, submit), repeat(EVERY_MS, look)];
  return {
    recoveredAfterMs(moment) {
      const later = [...probes.values()].filter(
        ({ submittedAt, ranAt }) => submittedAt >= moment && ranAt !== undefined,
      );
      const first = Math.min(...later.map(({ ranAt }) => ranAt as number));
      return Number.isFinite(first) ? first - moment : undefined;
    },
    get longestStallMs() {
      return longestStallMs;
    },
    async stop() {
      await Promise.all(loops.map((loop) => loop.stop()));
      await look();
    },
  };
}
