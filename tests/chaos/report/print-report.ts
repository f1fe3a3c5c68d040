import type { Recovery } from './measure-recovery.js';
import type { RunReport } from './run-report.js';

const seconds = (ms: number) => (ms / 1_000).toFixed(1);
const row = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`;

/** The report as Markdown, for a terminal and for docs/reliability.md alike. */
export function printReport(report: RunReport): string {
  const { seed, minutes, jobs, faults, skippedFaults, attempts, finished, violations } = report;
  const list = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts)
      .sort(([, a], [, b]) => b - a)
      .map(([word, count]) => `${count} ${word}`)
      .join(', ');
  return [
    `## Seed ${seed}, ${minutes} minutes: ${violations.length === 0 ? 'no violation' : `${violations.length} VIOLATIONS`}`,
    '',
    `${jobs} jobs (${list(finished)}); ${faults} faults (${skippedFaults} more could not be made at their time).`,
    `Attempts: ${list(attempts)}.`,
    `Longest stall ${seconds(report.longestStallMs)} s; longest wait of a ready job while a worker was idle ${seconds(report.longestIdleWaitMs)} s.`,
    '',
    row(['fault', 'times', 'next job runs after, s (p50 / p95 / max)', 'its jobs run elsewhere after, s']),
    row(['---', '---:', '---', '---']),
    ...report.recoveries.map(toRow),
    '',
    ...violations.flatMap(({ promise, count, examples }) => [
      `- **${promise}** (${count})`,
      ...examples.map((example) => `  - ${example}`),
    ]),
  ].join('\n');
}

function toRow({ kind, count, service, rescue }: Recovery): string {
  const show = ({ p50, p95, max }: Recovery['service']) => [p50, p95, max].map(seconds).join(' / ');
  return row([kind, count, show(service), rescue ? show(rescue) : '']);
}
