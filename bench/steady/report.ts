import { percentile } from '../statistics.js';
import type { Interval } from './run-load.js';

const MIB = 2 ** 20;

/** What one third of the run has in the table. */
interface Row {
  readonly name: string;
  readonly of: (third: readonly Interval[]) => number;
  readonly digits: number;
  /** Counts say how much was done; they do not drift. */
  readonly isCount?: true;
}

const sum = (third: readonly Interval[], pick: (one: Interval) => number): number =>
  third.reduce((total, one) => total + pick(one), 0);

const count = (name: string, pick: (one: Interval) => number): Row => ({
  name,
  of: (third) => sum(third, pick),
  digits: 0,
  isCount: true,
});

/** The mean of what was read at the ends of the intervals: vacuum and retention work in rounds. */
const level = (name: string, pick: (one: Interval) => number, digits = 1): Row => ({
  name,
  of: (third) => sum(third, pick) / third.length,
  digits,
});

const mib = (name: string, pick: (one: Interval) => number): Row =>
  level(`${name}, MiB`, (one) => pick(one) / MIB);

const pickUp = (fraction: number): Row => ({
  name: `pick-up p${fraction * 100}, ms`,
  of: (third) =>
    percentile(
      third.flatMap(({ latenciesMs }) => latenciesMs),
      fraction,
    ),
  digits: 1,
});

const ROWS: readonly Row[] = [
  count('jobs submitted', (one) => one.submitted),
  count('attempts on record', (one) => one.done),
  count('jobs pruned', (one) => one.pruned),
  pickUp(0.5),
  pickUp(0.99),
  mib('table jobs', (one) => one.stores.jobs.bytes),
  mib('its indexes', (one) => one.stores.jobs.indexBytes),
  mib('table job_executions', (one) => one.stores.executions.bytes),
  mib('its indexes', (one) => one.stores.executions.indexBytes),
  level('dead tuples of jobs', (one) => one.stores.jobs.deadTuples, 0),
  level('dead tuples of job_executions', (one) => one.stores.executions.deadTuples, 0),
  mib('memory of the worker (RSS)', (one) => one.workerBytes),
  mib('memory of the producer (RSS)', (one) => one.producerBytes),
  mib('memory of Redis (used_memory)', (one) => one.stores.redisBytes),
];

/** One line on how the run goes. */
export function toLine({ submitted, done, pruned, latenciesMs, stores, ...rest }: Interval): string {
  const { jobs, executions } = stores;
  const at = (fraction: number) => percentile(latenciesMs, fraction).toFixed(1);
  const inMib = (bytes: number) => (bytes / MIB).toFixed(1);
  return [
    `submitted ${submitted}, done ${done}, pruned ${pruned}`,
    `pick-up p50 ${at(0.5)}, p99 ${at(0.99)} ms`,
    `jobs ${inMib(jobs.bytes)} + indexes ${inMib(jobs.indexBytes)} MiB, ${jobs.deadTuples} dead`,
    `job_executions ${inMib(executions.bytes)} + ${inMib(executions.indexBytes)} MiB, ${executions.deadTuples} dead`,
    `worker ${inMib(rest.workerBytes)}, producer ${inMib(rest.producerBytes)}, Redis ${inMib(stores.redisBytes)} MiB`,
  ].join('; ');
}

/** First, middle and last third, and how far the last is from the middle one: by then all sizes should stand still. */
export function toMarkdown(intervals: readonly Interval[]): string {
  const size = intervals.length / 3;
  const thirds = [0, 1, 2].map((index) => intervals.slice(index * size, (index + 1) * size));
  const lines = ROWS.map(({ name, of, digits, isCount }) => {
    const values = thirds.map(of);
    const [, middle = NaN, last = NaN] = values;
    const drift = isCount ? '' : toDrift(middle, last);
    return `| ${name} | ${values.map((value) => show(value, digits)).join(' | ')} | ${drift} |`;
  });
  return [
    '| measure | first third | middle third | last third | drift, middle to last |',
    '| --- | ---: | ---: | ---: | ---: |',
    ...lines,
  ].join('\n');
}

const show = (value: number, digits: number): string =>
  value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });

function toDrift(middle: number, last: number): string {
  if (middle === 0) return last === 0 ? '0 %' : '';
  const percent = 100 * (last / middle - 1);
  return `${percent > 0 ? '+' : ''}${percent.toFixed(1)} %`;
}
