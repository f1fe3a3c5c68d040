import { loadavg } from 'node:os';
import { messageOf } from '../../../../shared/errors.js';
import { median } from '../../../../bench/statistics.js';
import type { Bound, Quantity, Say } from '../bound.js';

/** What was read of one quantity, over the repetitions. */
export interface MeasuredQuantity extends Quantity {
  readonly readings: readonly number[];
  readonly p50: number;
  readonly max: number;
  readonly isExceeded: boolean;
}

export interface MeasuredBound {
  readonly name: string;
  readonly what: string;
  readonly quantities: readonly MeasuredQuantity[];
  /** Repetitions that did not come to an end, and why. */
  readonly failures: readonly string[];
  /** Of this machine, over one minute, before each repetition. */
  readonly loadAverages: readonly number[];
}

const SHORT_REPETITIONS = 3;

/** Measures a bound so often; `repetitions` undefined: as often as suits it. */
export async function measureBound(
  bound: Bound,
  repetitions: number | undefined,
  say: Say,
): Promise<MeasuredBound> {
  const count = repetitions ?? (bound.isLong ? 1 : SHORT_REPETITIONS);
  const readings: Readonly<Record<string, number>>[] = [];
  const failures: string[] = [];
  const loadAverages: number[] = [];
  for (let repetition = 1; repetition <= count; repetition++) {
    const sayHere = (line: string) => say(`${bound.name} ${repetition}/${count}: ${line}`);
    loadAverages.push(loadavg()[0] ?? 0);
    sayHere(`${bound.what} (load average ${loadAverages.at(-1)?.toFixed(1)})`);
    try {
      const reading = await bound.measure(sayHere);
      readings.push(reading);
      sayHere(JSON.stringify(reading));
    } catch (error) {
      failures.push(messageOf(error));
      sayHere(`FAILED: ${messageOf(error)}`);
    }
  }
  const quantities = Object.entries(bound.quantities).map(([name, quantity]) =>
    summarize(
      quantity,
      readings.map((reading) => reading[name] as number),
    ),
  );
  return { name: bound.name, what: bound.what, quantities, failures, loadAverages };
}

function summarize(quantity: Quantity, readings: readonly number[]): MeasuredQuantity {
  const max = Math.max(...readings);
  // A reading that is no number is no proof that the limit was kept.
  const isExceeded = quantity.limit !== undefined && readings.some((one) => !(one <= (quantity.limit ?? 0)));
  return { ...quantity, readings, p50: median(readings), max, isExceeded };
}

export const isHeld = ({ quantities, failures }: MeasuredBound): boolean =>
  failures.length === 0 && quantities.every(({ isExceeded }) => !isExceeded);
