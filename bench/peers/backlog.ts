import { setTimeout as wait } from 'node:timers/promises';
import type { Servers } from '../../servers/start-servers.js';
import { readRedisBytes } from '../redis-info.js';
import { latencyOf, type Latency } from '../statistics.js';
import { analyze, checkpoint, withClient } from '../with-client.js';
import type { Contestant, TimedWorker } from './contestant.js';

/** The database with all its indexes, and what Redis has allocated. */
export interface Bytes {
  readonly postgres: number;
  readonly redis: number;
}

export interface Waiting {
  /** Per waiting job, of all. */
  readonly bytes: Bytes;
  /** Per waiting job, of the first ones, which were submitted without a word on priority. */
  readonly plainBytes: Bytes;
  /** Undefined when the normal jobs were done before enough urgent ones had been sent. */
  readonly urgent: (Latency & { readonly samples: number }) | undefined;
}

export interface Backlog extends Waiting {
  /** Jobs per second, of the first ones of the backlog. */
  readonly firstPerSecond: number;
}

const URGENT_SAMPLES = 100;
/** Sent before those that count. */
const URGENT_WARM_UP = 20;
const FEWEST_SAMPLES = 10;
/** An urgent job that has not begun by then counts with this age. */
const URGENT_LIMIT_MS = 60_000;
/** Redis gives back what its clients' buffers held. */
const REST_MS = 3_000;

/** So many of a backlog are drained before anything urgent comes. */
export const firstOf = (jobs: number): number => Math.min(100_000, jobs / 10);

/**
 * `jobs` submitted once: what they weigh, how fast the first of them are drained, and how long urgent ones take, behind those
 * that are left, when a worker starts again. A multiple of 5,000.
 */
export async function measureBacklog(one: Contestant, servers: Servers, jobs: number): Promise<Backlog> {
  await one.empty();
  await checkpoint(servers.postgresUrl);
  const before = await readBytes(servers);
  const first = firstOf(jobs);
  await one.submitMany(first);
  const plainBytes = await weigh(servers, before, first);
  // In BullMQ jobs without a word on priority go before all others, and take less memory: those that are to be overtaken have one.
  await one.submitMany(jobs - first, 'normal');
  await analyze(servers.postgresUrl);
  const bytes = await weigh(servers, before, jobs);
  const { jobsPerSecond, runs } = await one.drain(jobs, { profile: 'drain', processes: 1 }, first);
  const urgent = await measureUrgent(one, jobs - runs);
  await one.empty();
  return { bytes, plainBytes, firstPerSecond: jobsPerSecond, urgent };
}

/** Bytes per job, at rest. */
async function weigh(servers: Servers, before: Bytes, jobs: number): Promise<Bytes> {
  await checkpoint(servers.postgresUrl);
  await wait(REST_MS);
  const after = await readBytes(servers);
  const perJob = (key: keyof Bytes) => (after[key] - before[key]) / jobs;
  return { postgres: perJob('postgres'), redis: perJob('redis') };
}

async function readBytes(servers: Servers): Promise<Bytes> {
  const size = 'SELECT pg_database_size(current_database())::float8 AS bytes';
  const { rows } = await withClient(servers.postgresUrl, (client) => client.query<{ bytes: number }>(size));
  return { postgres: rows[0]?.bytes ?? NaN, redis: await readRedisBytes(servers) };
}

/** An urgent job every 20 ms, while one worker process drains `normal` others as fast as it can. */
async function measureUrgent(one: Contestant, normal: number): Promise<Waiting['urgent']> {
  let latencies: number[] = [];
  await one.whileTimed('drain', async (worker) => {
    while ((await worker.runs()) === 0) await wait(5);
    const sent = await sendUrgent(one, worker, normal);
    latencies = await waitForAll(worker, sent);
  });
  const counted = latencies.slice(URGENT_WARM_UP);
  const samples = counted.length;
  return samples < FEWEST_SAMPLES ? undefined : { ...latencyOf(counted), samples };
}

/** Stops early when the normal jobs are done: nothing stands before an urgent one then. */
async function sendUrgent(one: Contestant, worker: TimedWorker, normal: number): Promise<number> {
  const submits: Promise<void>[] = [];
  while (submits.length < URGENT_WARM_UP + URGENT_SAMPLES && (await worker.runs()) < normal) {
    const submit = one.submitTimed('urgent');
    // Told below; until then nobody waits for it.
    submit.catch(() => undefined);
    submits.push(submit);
    // 20 ms, never in step with a timer.
    await wait(10 + Math.random() * 20);
  }
  await Promise.all(submits);
  return submits.length;
}

async function waitForAll(worker: TimedWorker, sent: number): Promise<number[]> {
  const latencies: number[] = [];
  const giveUpAt = performance.now() + URGENT_LIMIT_MS;
  for (;;) {
    latencies.push(...(await worker.takeAll()));
    if (latencies.length >= sent || performance.now() > giveUpAt) break;
    await wait(50);
  }
  const missing = Math.max(0, sent - latencies.length);
  return [...latencies, ...Array.from({ length: missing }, () => URGENT_LIMIT_MS)];
}
