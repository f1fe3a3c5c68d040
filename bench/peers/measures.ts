import { setTimeout as wait } from 'node:timers/promises';
import type { Servers } from '../../servers/start-servers.js';
import { latencyOf, type Latency } from '../statistics.js';
import type { Contestant } from './contestant.js';
import { analyze, checkpoint, holdSnapshot } from '../with-client.js';
import { readServersCpu } from '../servers-cpu.js';

const JOBS = 100_000;
const STEADY_PER_SECOND = 1_000;
const STEADY_SECONDS = 15;
const STEADY_WARM_UP_SECONDS = 3;
/** Passes of 100,000 jobs while an old snapshot is held. */
const PINNED_PASSES = 4;

/** CPU milliseconds per 1,000 jobs, submitted in bulk and drained by one process. */
export interface CpuPerThousand {
  readonly producer: number;
  readonly worker: number;
  readonly postgres: number;
  readonly redis: number;
}

export interface Throughput {
  readonly bulk: number;
  readonly drain: number;
  readonly drainOfTwo: number;
  readonly single: number;
  readonly cpu: CpuPerThousand;
  readonly workerMb: number;
}

/** What nothing is measured of. */
export async function warmUp(one: Contestant): Promise<void> {
  await one.empty();
  await one.submitMany(JOBS);
  await one.drain(JOBS, { profile: 'drain', processes: 1 });
  await one.empty();
}

/** Jobs per second. */
export async function measureThroughput(one: Contestant, servers: Servers): Promise<Throughput> {
  await one.empty();
  await checkpoint(servers.postgresUrl);
  const before = { servers: await readServersCpu(servers), producer: await one.producerUsage() };
  const bulk = await one.submitMany(JOBS);
  const beforeRest = await readServersCpu(servers);
  await analyze(servers.postgresUrl);
  const afterRest = await readServersCpu(servers);
  const first = await one.drain(JOBS, { profile: 'drain', processes: 1 });
  const after = { servers: await readServersCpu(servers), producer: await one.producerUsage() };
  const perThousand = (ms: number) => (ms / JOBS) * 1_000;
  const worked = (server: 'postgresMs' | 'redisMs') =>
    beforeRest[server] - before.servers[server] + after.servers[server] - afterRest[server];
  const cpu = {
    producer: perThousand(after.producer.cpuMs - before.producer.cpuMs),
    worker: perThousand(first.workerCpuMs),
    postgres: perThousand(worked('postgresMs')),
    redis: perThousand(worked('redisMs')),
  };
  await checkpoint(servers.postgresUrl);
  await one.submitMany(JOBS);
  await checkpoint(servers.postgresUrl);
  await analyze(servers.postgresUrl);
  const second = await one.drain(JOBS, { profile: 'drain', processes: 2 });
  await one.empty();
  await checkpoint(servers.postgresUrl);
  await one.submitOneByOne(0.1);
  const single = await one.submitOneByOne();
  await one.empty();
  const workerMb = first.rssBytes / 2 ** 20;
  return { bulk, drain: first.jobsPerSecond, drainOfTwo: second.jobsPerSecond, single, cpu, workerMb };
}

/** One job at a time on an idle system: from the call of submit to the first line of the handler, in another process. */
export async function measureIdlePickUp(one: Contestant, samples: number): Promise<Latency> {
  const latencies: number[] = [];
  await one.whileTimed('idle', async (worker) => {
    for (let sample = -20; sample < samples; sample++) {
      // Asked for first, so that no job begins before somebody waits for it.
      const next = worker.next();
      // Long enough for everybody to be idle again, never in step with a timer.
      await wait(10 + Math.random() * 30);
      await one.submitTimed();
      const latency = await next;
      if (sample >= 0) latencies.push(latency);
    }
  });
  return latencyOf(latencies);
}

/** An open loop of single submits, one worker process. What is still waiting at the end counts with the age it has. */
export async function measureSteadyPickUp(one: Contestant): Promise<Latency> {
  let latencies: number[] = [];
  await one.whileTimed('steady', async (worker) => {
    await one.submitSteadily(STEADY_PER_SECOND, STEADY_WARM_UP_SECONDS);
    await wait(200);
    await worker.takeAll();
    await one.submitSteadily(STEADY_PER_SECOND, STEADY_SECONDS);
    await wait(1_000);
    latencies = await worker.takeAll();
  });
  await one.empty();
  const missing = STEADY_PER_SECOND * STEADY_SECONDS - latencies.length;
  return latencyOf([
    ...latencies,
    ...Array.from({ length: Math.max(0, missing) }, () => STEADY_SECONDS * 1_000),
  ]);
}

export interface Pinned {
  /** Jobs per second of the first and the last of the passes. */
  readonly first: number;
  readonly last: number;
  readonly idle: Latency;
}

/** Drains while another session holds a snapshot from before, so that nothing can be vacuumed. */
export async function measurePinned(one: Contestant, servers: Servers): Promise<Pinned> {
  await one.empty();
  await checkpoint(servers.postgresUrl);
  const holder = await holdSnapshot(servers.postgresUrl);
  try {
    const rates: number[] = [];
    for (let pass = 0; pass < PINNED_PASSES; pass++) {
      await one.submitMany(JOBS);
      await analyze(servers.postgresUrl);
      rates.push((await one.drain(JOBS, { profile: 'drain', processes: 1 })).jobsPerSecond);
    }
    const idle = await measureIdlePickUp(one, 60);
    return { first: rates[0] as number, last: rates.at(-1) as number, idle };
  } finally {
    await holder.end();
    await one.empty();
  }
}

/** How much of 100 slots is in use by handlers that only wait: 1 is all the time. */
export async function measureSlots(one: Contestant, handlerMs: number): Promise<number> {
  await one.empty();
  const count = (100 / handlerMs) * 5_000;
  await one.submitMany(count);
  const { jobsPerSecond } = await one.drain(count, { profile: 'slots', processes: 1, handlerMs });
  return jobsPerSecond / ((100 / handlerMs) * 1_000);
}
