import { cpus } from 'node:os';
import { isHeld, type MeasuredBound, type MeasuredQuantity } from './measure-bound.js';

const row = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`;

/** The table as Markdown, for a terminal and for docs/reliability.md alike. */
export function printBounds(bounds: readonly MeasuredBound[]): string {
  const broken = bounds.filter((bound) => !isHeld(bound)).length;
  const loads = bounds.flatMap(({ loadAverages }) => loadAverages);
  const load = [Math.min(...loads), Math.max(...loads)].map((one) => one.toFixed(1)).join(' to ');
  return [
    `## Bounds: ${broken === 0 ? `all ${bounds.length} held` : `${broken} of ${bounds.length} NOT HELD`}`,
    '',
    `${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, load average ${load}; Node ${process.version}.`,
    '',
    row(['bound', 'measured', 'limit', 'p50', 'max', 'times', '']),
    row(['---', '---', '---:', '---:', '---:', '---:', '---']),
    ...bounds.flatMap(toRows),
  ].join('\n');
}

function toRows({ name, what, quantities, failures }: MeasuredBound): string[] {
  const title = `**${name}**: ${what}`;
  const rows = quantities.map((quantity, index) =>
    row([
      index === 0 ? title : '',
      quantity.what,
      show(quantity, quantity.limit),
      show(quantity, quantity.p50),
      show(quantity, quantity.max),
      quantity.readings.length,
      verdict(quantity),
    ]),
  );
  return [...rows, ...failures.map((failure) => row([name, failure, '', '', '', '', 'FAILED']))];
}

function verdict({ limit, readings, isExceeded }: MeasuredQuantity): string {
  if (limit === undefined || readings.length === 0) return '';
  return isExceeded ? 'EXCEEDED' : 'ok';
}

/** From a second on, times are shown in seconds, as the limits are spoken of. */
function show({ unit }: MeasuredQuantity, value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return '';
  if (unit === 'ms') return value >= 1_000 ? `${(value / 1_000).toFixed(1)} s` : `${Math.round(value)} ms`;
  if (unit === '%') return `${value.toFixed(1)} %`;
  return `${Math.round(value)}${unit}`;
}
