import { median, type Latency } from '../statistics.js';
import { firstOf, type Waiting } from './backlog.js';
import type { Results } from './contest.js';
import type { SystemName } from './peer-process.js';

/** A line of the report: what it says of each system, and whether Holdfast is where it wants to be. */
export interface Line {
  readonly measure: string;
  readonly cells: ReadonlyMap<SystemName, string>;
  /** Of Holdfast against the best peer; above 1 is better. */
  readonly ratio?: number;
  readonly target?: string;
}

type Column = ReadonlyMap<SystemName, Results>;
type Pick = (results: Results) => number | undefined;

/** Every measure that was made, medians of the repetitions; `backlog` jobs waited in those that speak of waiting. */
export function toLines(results: Column, backlog: number): Line[] {
  const { rate, latency } = linesOf(results);
  const throughput = (pick: (one: Results['throughput'][number]) => number): Pick =>
    of((r) => r.throughput.map(pick));
  return [
    rate(
      'bulk submit, 500 a call, 4 in flight, jobs/s',
      throughput((t) => t.bulk),
      '≥ 1.4 × the best',
    ),
    rate(
      'single submits, 64 in flight, jobs/s',
      throughput((t) => t.single),
      '≥ 1.5 × BullMQ, 20 × the others',
    ),
    rate(
      'drain of 100,000, one process, jobs/s',
      throughput((t) => t.drain),
      '≥ 1.5 × Graphile Worker',
    ),
    rate(
      'drain of 100,000, two processes, jobs/s',
      throughput((t) => t.drainOfTwo),
      '≥ 1.2 × Graphile Worker',
    ),
    ...latency('pick-up when idle', (r) => r.idle, 'p50 ≤ 1.3 × BullMQ, p99 the least'),
    ...latency('pick-up at 1,000 jobs/s', (r) => r.steady, 'p50 ≤ 2 × BullMQ, p99 ≤ half of the best'),
    ...backlogLines(results, backlog),
    rate(
      'drain under an old snapshot, first pass, jobs/s',
      of((r) => r.pinned.map((p) => p.first)),
    ),
    rate(
      'the same, fourth pass, jobs/s',
      of((r) => r.pinned.map((p) => p.last)),
      'loses < 15 %',
    ),
    ...latency('idle pick-up after that', (r) => r.pinned.map((p) => p.idle), 'p99 < 25 ms'),
    rate('100 slots, handlers of 10 ms, share in use', slotsOf(10)),
    rate('100 slots, handlers of 100 ms, share in use', slotsOf(100)),
    cost('CPU per 1,000 jobs, producer, ms', results, (c) => c.producer),
    cost('CPU per 1,000 jobs, worker, ms', results, (c) => c.worker),
    cost('CPU per 1,000 jobs, PostgreSQL, ms', results, (c) => c.postgres),
    cost('CPU per 1,000 jobs, Redis, ms', results, (c) => c.redis),
    lineOf(
      'memory of the worker process that drains, MB',
      results,
      throughput((t) => t.workerMb),
      Math.round,
    ),
  ].filter((line) => line.cells.size > 0);
}

function backlogLines(results: Column, backlog: number): Line[] {
  const { rate, latency } = linesOf(results);
  const jobs = backlog.toLocaleString('en');
  const bytes = (what: string, pick: (one: Waiting) => number): Line =>
    lineOf(
      what,
      results,
      of((r) => r.waiting.map(pick)),
      Math.round,
    );
  return [
    rate(
      `first ${firstOf(backlog).toLocaleString('en')} of ${jobs}, jobs/s`,
      of((r) => r.backlog),
      '≥ 1.8 × Graphile Worker',
    ),
    bytes(`bytes per waiting job, of ${jobs}, PostgreSQL`, (one) => one.bytes.postgres),
    bytes('the same, Redis', (one) => one.bytes.redis),
    bytes('the same, Redis, submitted without a word on priority', (one) => one.plainBytes.redis),
    ...latency(`urgent jobs behind ${jobs} others`, (r) =>
      r.waiting.map((one) => one.urgent).filter((one) => one !== undefined),
    ),
  ];
}

export function toMarkdown(lines: readonly Line[], systems: readonly SystemName[]): string {
  const header = ['measure', ...systems, 'Holdfast : best peer', 'target'];
  const rows = lines.map((line) => [
    line.measure,
    ...systems.map((name) => line.cells.get(name) ?? '–'),
    line.ratio === undefined ? '' : `${line.ratio.toFixed(2)} ×`,
    line.target ?? '',
  ]);
  const toRow = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [header, header.map((_, index) => (index === 0 ? '---' : '---:')), ...rows].map(toRow).join('\n');
}

function linesOf(results: Column) {
  const rate = (measure: string, pick: Pick, target?: string): Line => {
    const line = lineOf(measure, results, pick, (value) =>
      value < 2 ? value.toFixed(2) : Math.round(value).toLocaleString('en'),
    );
    return {
      ...line,
      ...ratioOf(results, pick, (own, best) => own / best, Math.max),
      ...(target ? { target } : {}),
    };
  };
  const latency = (what: string, pick: (r: Results) => readonly Latency[], target?: string): Line[] =>
    (['p50Ms', 'p95Ms', 'p99Ms'] as const).map((key, index) => {
      const pickOne = of((r) => pick(r).map((one) => one[key]));
      const line = lineOf(`${what}, ${key.slice(0, 3)}, ms`, results, pickOne, (value) => value.toFixed(1));
      const ratio = ratioOf(results, pickOne, (own, best) => best / own, Math.min);
      return { ...line, ...ratio, ...(index === 0 && target ? { target } : {}) };
    });
  return { rate, latency };
}

const of =
  (pick: (results: Results) => readonly number[]): Pick =>
  (results) => {
    const values = pick(results);
    return values.length > 0 ? median(values) : undefined;
  };

const slotsOf = (handlerMs: number): Pick =>
  of((r) => r.slots.filter((one) => one.handlerMs === handlerMs).map(({ used }) => used));

const cost = (
  measure: string,
  results: Column,
  pick: (cpu: Results['throughput'][number]['cpu']) => number,
): Line =>
  lineOf(
    measure,
    results,
    of((r) => r.throughput.map(({ cpu }) => pick(cpu))),
    (value) => value.toFixed(1),
  );

function lineOf(
  measure: string,
  results: Column,
  pick: Pick,
  show: (value: number) => string | number,
): Line {
  const cells = new Map<SystemName, string>();
  for (const [name, one] of results) {
    const value = pick(one);
    if (value !== undefined) cells.set(name, String(show(value)));
  }
  return { measure, cells };
}

function ratioOf(
  results: Column,
  pick: Pick,
  compare: (own: number, best: number) => number,
  bestOf: (...values: number[]) => number,
): { ratio?: number } {
  const holdfast = results.get('holdfast');
  const own = holdfast && pick(holdfast);
  const others = [...results].filter(([name]) => name !== 'holdfast').map(([, one]) => pick(one));
  const known = others.filter((value) => value !== undefined);
  return own === undefined || known.length === 0 ? {} : { ratio: compare(own, bestOf(...known)) };
}
