import { setTimeout as wait } from 'node:timers/promises';
import type { Servers } from '../../servers/start-servers.js';
import { PeerProcess, type Usage, type WorkerSettings } from '../peers/peer-process.js';
import { countUnfinished, readStores, type Stores } from './read-stores.js';

export interface LoadPlan {
  readonly perSecond: number;
  readonly intervals: number;
  readonly intervalMs: number;
  /** Finished jobs older than this are deleted. */
  readonly retentionMs: number;
}

/** What happened in one piece of the run, and what there was at its end. */
export interface Interval {
  readonly submitted: number;
  /** Attempts on record, and jobs that retention deleted. */
  readonly done: number;
  readonly pruned: number;
  /** From the call of submit to the first line of the handler, of each job that began. */
  readonly latenciesMs: readonly number[];
  readonly stores: Stores;
  readonly workerBytes: number;
  readonly producerBytes: number;
}

/** Latencies are fetched this often: a minute's worth at once would hold up the worker. */
const FETCH_MS = 5_000;
const DRAIN_LIMIT_MS = 60_000;

/**
 * An open loop of single submits by one process, and one worker process, which coordinates and prunes too.
 *
 * @returns how many jobs are unfinished in the end, which should be none
 */
export async function runLoad(
  servers: Servers,
  plan: LoadPlan,
  onInterval: (interval: Interval) => void,
): Promise<number> {
  const address = PeerProcess.addressOf(servers);
  const settings: WorkerSettings = {
    profile: 'steady',
    processes: 1,
    isTimed: true,
    retentionMs: plan.retentionMs,
  };
  const producer = await PeerProcess.start('holdfast');
  const worker = await PeerProcess.start('holdfast');
  try {
    await producer.call('openProducer', address);
    await worker.call('openWorker', address, settings);
    const seconds = (plan.intervals * plan.intervalMs) / 1_000;
    await Promise.all([
      producer.call('submitSteadily', plan.perSecond, seconds),
      watch(servers, plan, producer, worker, onInterval),
    ]);
    return await waitUntilFinished(servers);
  } finally {
    await producer.stop();
    await worker.stop();
  }
}

async function watch(
  servers: Servers,
  { intervals, intervalMs }: LoadPlan,
  producer: PeerProcess,
  worker: PeerProcess,
  onInterval: (interval: Interval) => void,
): Promise<void> {
  const start = performance.now();
  let submittedBefore = 0;
  let before = await readStores(servers);
  for (let number = 1; number <= intervals; number++) {
    const latenciesMs = await fetchLatencies(worker, start + number * intervalMs);
    const stores = await readStores(servers);
    const submitted = await producer.call<number>('stored');
    onInterval({
      submitted: submitted - submittedBefore,
      done: stores.executions.inserted - before.executions.inserted,
      pruned: stores.jobs.deleted - before.jobs.deleted,
      latenciesMs,
      stores,
      workerBytes: (await worker.call<Usage>('usage')).rssBytes,
      producerBytes: (await producer.call<Usage>('usage')).rssBytes,
    });
    submittedBefore = submitted;
    before = stores;
  }
}

async function fetchLatencies(worker: PeerProcess, until: number): Promise<number[]> {
  const latencies: number[] = [];
  for (let leftMs = until - performance.now(); leftMs > 0; leftMs = until - performance.now()) {
    await wait(Math.min(leftMs, FETCH_MS));
    latencies.push(...(await worker.call<number[]>('takeLatencies')));
  }
  return latencies;
}

async function waitUntilFinished(servers: Servers): Promise<number> {
  const giveUpAt = performance.now() + DRAIN_LIMIT_MS;
  for (;;) {
    const unfinished = await countUnfinished(servers);
    if (unfinished === 0 || performance.now() > giveUpAt) return unfinished;
    await wait(500);
  }
}
