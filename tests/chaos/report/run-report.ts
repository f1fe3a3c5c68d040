import type { Evidence } from '../check/evidence.js';
import type { Violation } from '../check/violation.js';
import type { Injection } from '../faults/inject-faults.js';
import { measureRecovery, type Recovery } from './measure-recovery.js';
import type { RecoveryWatch } from './watch-recovery.js';

/** What a run found. Times are milliseconds. */
export interface RunReport {
  readonly seed: number;
  readonly minutes: number;
  readonly jobs: number;
  readonly faults: number;
  readonly skippedFaults: number;
  readonly attempts: Readonly<Record<string, number>>;
  readonly finished: Readonly<Record<string, number>>;
  readonly recoveries: readonly Recovery[];
  readonly longestStallMs: number;
  readonly longestIdleWaitMs: number;
  readonly violations: readonly Violation[];
}

interface Findings {
  readonly seed: number;
  readonly minutes: number;
  readonly evidence: Evidence;
  readonly injection: Injection;
  readonly recovery: RecoveryWatch;
  readonly longestIdleWaitMs: number;
  readonly violations: readonly Violation[];
}

export function toReport(findings: Findings): RunReport {
  const { seed, minutes, evidence, injection, recovery, longestIdleWaitMs, violations } = findings;
  return {
    seed,
    minutes,
    jobs: evidence.jobs.size,
    faults: injection.records.length,
    skippedFaults: injection.skipped,
    attempts: countBy([...evidence.executions.values()].flat().map(({ status }) => status)),
    finished: countBy([...evidence.jobs.values()].map(({ status }) => status)),
    recoveries: measureRecovery(injection.records, evidence, recovery),
    longestStallMs: recovery.longestStallMs,
    longestIdleWaitMs,
    violations,
  };
}

function countBy(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}
