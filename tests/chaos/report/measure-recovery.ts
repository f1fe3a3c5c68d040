import type { Evidence } from '../check/evidence.js';
import type { FaultRecord } from '../faults/fault.js';
import type { RecoveryWatch } from './watch-recovery.js';

export interface Recovery {
  readonly kind: string;
  readonly count: number;
  /** Until a job submitted after the fault ran. Milliseconds. */
  readonly service: Percentiles;
  /** Until the jobs ran elsewhere that ran in a process which was killed or frozen. Milliseconds; null where it does not apply. */
  readonly rescue: Percentiles | null;
}

export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
}

/** How long the system needed after each fault, by kind. */
export function measureRecovery(
  records: readonly FaultRecord[],
  evidence: Evidence,
  watch: RecoveryWatch,
): Recovery[] {
  const lost = findLost(evidence);
  const kinds = [...new Set(records.map(({ kind }) => kind))].sort();
  return kinds.map((kind) => {
    const ofKind = records.filter((record) => record.kind === kind);
    const rescues = ofKind.flatMap(({ pids, startedAt, endedAt }) =>
      lost
        .filter(
          ({ pid, startedMs, nextMs }) => pids.includes(pid) && startedMs <= endedAt && nextMs > startedAt,
        )
        .map(({ nextMs }) => nextMs - startedAt),
    );
    return {
      kind,
      count: ofKind.length,
      service: percentiles(ofKind.flatMap(({ startedAt }) => watch.recoveredAfterMs(startedAt) ?? [])),
      rescue: rescues.length > 0 ? percentiles(rescues) : null,
    };
  });
}

/** Attempts that were lost with a process, and when the next one of the same job began. */
function findLost({ executions }: Evidence): { pid: number; startedMs: number; nextMs: number }[] {
  return [...executions.values()].flatMap((attempts) =>
    attempts.flatMap(({ status, pid, startedAt }, index) => {
      const next = attempts[index + 1];
      return status === 'lost' && pid !== null && next
        ? [{ pid, startedMs: startedAt, nextMs: next.startedAt }]
        : [];
    }),
  );
}

export function percentiles(values: readonly number[]): Percentiles {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
  return { p50: at(0.5), p95: at(0.95), max: Math.round(sorted.at(-1) ?? 0) };
}
