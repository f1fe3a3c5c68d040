import { setTimeout as wait } from 'node:timers/promises';
import { Command } from 'commander';
import { readProcessTreeCpuMs } from '../../servers/process-cpu.js';
import type { Servers } from '../../servers/start-servers.js';
import { startBenchServers } from '../bench-servers.js';
import { describeMachine } from '../machine.js';
import { readServersCpu } from '../servers-cpu.js';
import { startProcess, type StartedProcess } from '../start-process.js';

interface IdleOptions {
  readonly workers: number;
  readonly seconds: number;
}

/** CPU time used so far, milliseconds; or, as a share, percent of one core. */
interface Cpu {
  readonly workers: number;
  readonly postgres: number;
  readonly redis: number;
}

/** They have started, one of them leads, and V8 has collected what starting left, which it does half a minute later. */
const SETTLE_MS = 45_000;
/** Percent of one core, all processes together. */
const AIM = 1;

/** `npm run bench -- idle`. */
export const idleCommand = (whole: (text: string) => number): Command =>
  new Command('idle')
    .description('What worker processes cost that have nothing to do; each stands for coordinator too.')
    .option('--workers <number>', 'worker processes', whole, 10)
    .option('--seconds <number>', 'measured, after a settling time', whole, 30)
    .action(run);

async function run({ workers, seconds }: IdleOptions): Promise<void> {
  const servers = await startBenchServers();
  const started: StartedProcess[] = [];
  try {
    // One after the other: together they would need longer than a start may take.
    while (started.length < workers) started.push(await startProcess('worker', servers));
    console.error(`${workers} workers run; measuring ${seconds} s …`);
    await wait(SETTLE_MS);
    const shares = await measureShares(servers, started, seconds);
    console.log(`\n${describeMachine(servers)}\n`);
    console.log(toMarkdown(shares, workers, seconds));
  } finally {
    await Promise.all(started.map((one) => one.stop()));
    await servers.stop();
  }
}

/** Percent of one core. Nobody asks anything meanwhile. */
async function measureShares(
  servers: Servers,
  workers: readonly StartedProcess[],
  seconds: number,
): Promise<Cpu> {
  const before = await readCpu(servers, workers);
  const start = performance.now();
  await wait(seconds * 1_000);
  const tookMs = performance.now() - start;
  const after = await readCpu(servers, workers);
  const share = (key: keyof Cpu) => (100 * (after[key] - before[key])) / tookMs;
  return { workers: share('workers'), postgres: share('postgres'), redis: share('redis') };
}

async function readCpu(servers: Servers, workers: readonly StartedProcess[]): Promise<Cpu> {
  const ofWorkers = await Promise.all(workers.map(({ pid }) => readProcessTreeCpuMs(pid)));
  const { postgresMs, redisMs } = await readServersCpu(servers);
  return { workers: ofWorkers.reduce((sum, ms) => sum + ms, 0), postgres: postgresMs, redis: redisMs };
}

function toMarkdown(shares: Cpu, workers: number, seconds: number): string {
  const all = shares.workers + shares.postgres + shares.redis;
  const verdict = all < AIM ? `< ${AIM} %` : `< ${AIM} %, **not reached**`;
  const rows: [string, number, string][] = [
    [`${workers} idle worker processes`, shares.workers, ''],
    ['one of them', shares.workers / workers, ''],
    ['PostgreSQL', shares.postgres, ''],
    ['Redis', shares.redis, ''],
    ['all together', all, verdict],
  ];
  return [
    `| CPU over ${seconds} s, percent of one core | % | aim |`,
    '| --- | ---: | --- |',
    ...rows.map(([name, share, aim]) => `| ${name} | ${share.toFixed(2)} | ${aim} |`),
  ].join('\n');
}
