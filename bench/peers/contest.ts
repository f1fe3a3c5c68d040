import { messageOf } from '../../shared/errors.js';
import type { Servers } from '../../servers/start-servers.js';
import { inOneCell, type Latency } from '../statistics.js';
import { firstOf, measureBacklog, type Waiting } from './backlog.js';
import { Contestant } from './contestant.js';
import {
  measureIdlePickUp,
  measurePinned,
  measureSlots,
  measureSteadyPickUp,
  measureThroughput,
  warmUp,
  type Pinned,
  type Throughput,
} from './measures.js';
import type { SystemName } from './peer-process.js';

/** What was measured of one system; each array has one entry per repetition. */
export interface Results {
  readonly throughput: Throughput[];
  readonly idle: Latency[];
  readonly steady: Latency[];
  readonly pinned: Pinned[];
  readonly backlog: number[];
  readonly waiting: Waiting[];
  readonly slots: { readonly handlerMs: number; readonly used: number }[];
}

export const PARTS = ['throughput', 'latency', 'pinned', 'backlog', 'waiting', 'slots'] as const;
export type Part = (typeof PARTS)[number];

export interface ContestOptions {
  readonly systems: readonly SystemName[];
  readonly parts: readonly Part[];
  /** Of throughput and latency; the long measures are made once. */
  readonly repetitions: number;
  /** Jobs that wait, of the parts `backlog` and `waiting`. */
  readonly backlog: number;
  readonly say: (line: string) => void;
}

const IDLE_SAMPLES = 200;
const SLOT_HANDLERS_MS = [10, 100];

/** Measures the systems in turn, again and again, so that a drift of the machine meets all of them alike. */
export async function holdContest(
  servers: Servers,
  options: ContestOptions,
): Promise<Map<SystemName, Results>> {
  const results = new Map<SystemName, Results>();
  for (const name of options.systems)
    results.set(name, {
      throughput: [],
      idle: [],
      steady: [],
      pinned: [],
      backlog: [],
      waiting: [],
      slots: [],
    });
  // Files that grow, memory that was never touched: whoever comes first would pay for all.
  for (const name of options.systems) {
    options.say(`warming up: ${name}`);
    await withContestant(name, servers, (one) => warmUp(one));
  }
  for (let repetition = 1; repetition <= options.repetitions; repetition++) {
    for (const name of rotate(options.systems, repetition - 1)) {
      const say = (what: string) => options.say(`${repetition}/${options.repetitions} ${name}: ${what}`);
      await withContestant(name, servers, (one) =>
        repeatable(one, servers, options.parts, results.get(name) as Results, say),
      );
    }
  }
  for (const name of options.systems) {
    const say = (what: string) => options.say(`${name}: ${what}`);
    await withContestant(name, servers, (one) =>
      once(one, servers, options, results.get(name) as Results, say).catch((error: unknown) =>
        // What was measured of it, and of the others, is kept.
        say(`given up: ${messageOf(error)}`),
      ),
    );
  }
  return results;
}

/** Each system comes first in its turn. */
const rotate = <T>(all: readonly T[], by: number): T[] => {
  const first = by % all.length;
  return [...all.slice(first), ...all.slice(0, first)];
};

async function withContestant(
  name: SystemName,
  servers: Servers,
  measure: (one: Contestant) => Promise<void>,
): Promise<void> {
  const one = await Contestant.enter(name, servers);
  try {
    await measure(one);
  } finally {
    await one.leave();
  }
}

async function repeatable(
  one: Contestant,
  servers: Servers,
  parts: readonly Part[],
  results: Results,
  say: (what: string) => void,
): Promise<void> {
  if (parts.includes('throughput')) {
    const measured = await measureThroughput(one, servers);
    results.throughput.push(measured);
    const { bulk, single, drain, drainOfTwo } = measured;
    say(
      `bulk ${perSecond(bulk)}, single ${perSecond(single)}, drain ${perSecond(drain)}, by two ${perSecond(drainOfTwo)}`,
    );
  }
  if (parts.includes('latency')) {
    await one.empty();
    const idle = await measureIdlePickUp(one, IDLE_SAMPLES);
    const steady = await measureSteadyPickUp(one);
    results.idle.push(idle);
    results.steady.push(steady);
    say(`pick-up idle ${describe(idle)}, at 1,000 jobs/s ${describe(steady)}`);
  }
}

async function once(
  one: Contestant,
  servers: Servers,
  { parts, backlog }: ContestOptions,
  results: Results,
  say: (what: string) => void,
): Promise<void> {
  // BullMQ's jobs are not in PostgreSQL.
  if (parts.includes('pinned') && one.name !== 'bullmq') {
    const pinned = await measurePinned(one, servers);
    results.pinned.push(pinned);
    say(
      `under an old snapshot ${perSecond(pinned.first)} → ${perSecond(pinned.last)}, then idle ${describe(pinned.idle)}`,
    );
  }
  if (parts.includes('slots')) {
    for (const handlerMs of SLOT_HANDLERS_MS) {
      const used = await measureSlots(one, handlerMs);
      results.slots.push({ handlerMs, used });
      say(`${Math.round(used * 100)} % of 100 slots used by handlers of ${handlerMs} ms`);
    }
  }
  if (parts.includes('backlog') || parts.includes('waiting')) {
    const { firstPerSecond, ...waiting } = await measureBacklog(one, servers, backlog);
    if (parts.includes('backlog')) results.backlog.push(firstPerSecond);
    if (parts.includes('waiting')) results.waiting.push(waiting);
    const { bytes, plainBytes, urgent } = waiting;
    say(
      `first ${inWords(firstOf(backlog))} of a backlog of ${inWords(backlog)}: ${perSecond(firstPerSecond)}`,
    );
    say(
      `bytes per waiting job: ${Math.round(bytes.postgres)} in PostgreSQL, ${Math.round(bytes.redis)} in Redis, ` +
        `${Math.round(plainBytes.redis)} without a word on priority; ` +
        `urgent jobs behind them ${urgent ? `${describe(urgent)} (${urgent.samples} of them)` : 'not measured: too few others were left'}`,
    );
  }
}

const inWords = (count: number): string => Math.round(count).toLocaleString('en');
const perSecond = (rate: number): string => `${inWords(rate)}/s`;
const describe = (latency: Latency): string => `${inOneCell(latency)} ms`;
