import { setTimeout as wait } from 'node:timers/promises';
import type { Servers } from '../../servers/start-servers.js';
import { PeerProcess, type Rank, type SystemName, type Usage, type WorkerSettings } from './peer-process.js';

/** How many submits of one job each are made one by one: what takes about the same time for all. */
const SINGLES: Readonly<Record<SystemName, number>> = {
  holdfast: 30_000,
  bullmq: 30_000,
  'pg-boss': 3_000,
  'graphile-worker': 3_000,
};
const STALLED_MS = 60_000;
const BATCH = 500;
const IN_FLIGHT = 4;

export interface Drain {
  readonly jobsPerSecond: number;
  /** Jobs run in all; a worker that is told to stop runs some more. */
  readonly runs: number;
  /** Of all worker processes. */
  readonly workerCpuMs: number;
  readonly rssBytes: number;
}

/** Latencies in milliseconds. */
export interface TimedWorker {
  /** Of the next job that begins. */
  next(): Promise<number>;
  /** Of all that began since the last call. */
  takeAll(): Promise<number[]>;
  /** Jobs run so far, those without a note too. */
  runs(): Promise<number>;
}

/** One system in the contest: a producer and an onlooker that stay, and workers that come and go. */
export class Contestant {
  private constructor(
    readonly name: SystemName,
    private readonly servers: Servers,
    private readonly producer: PeerProcess,
    private readonly onlooker: PeerProcess,
  ) {}

  static async enter(name: SystemName, servers: Servers): Promise<Contestant> {
    const address = PeerProcess.addressOf(servers);
    const [producer, onlooker] = await Promise.all([PeerProcess.start(name), PeerProcess.start(name)]);
    await producer.call('setUp', address);
    await producer.call('openProducer', address);
    await onlooker.call('openInspector', address);
    return new Contestant(name, servers, producer, onlooker);
  }

  async leave(): Promise<void> {
    await Promise.all([this.producer.stop(), this.onlooker.stop()]);
  }

  empty(): Promise<void> {
    return this.onlooker.call('empty');
  }

  producerUsage(): Promise<Usage> {
    return this.producer.call('usage');
  }

  /** Jobs per second. */
  async submitMany(count: number, rank?: Rank): Promise<number> {
    const tookMs = await this.producer.call<number>('submitMany', count, BATCH, IN_FLIGHT, rank);
    return (count / tookMs) * 1_000;
  }

  /** Jobs per second, 64 callers that each wait for their own. */
  async submitOneByOne(share = 1): Promise<number> {
    const count = Math.round(SINGLES[this.name] * share);
    return (count / (await this.producer.call<number>('submitOneByOne', count, 64))) * 1_000;
  }

  submitSteadily(perSecond: number, seconds: number): Promise<void> {
    return this.producer.call('submitSteadily', perSecond, seconds);
  }

  /** From the start of the workers until `count` jobs have run, or, without a count, until every job is recorded as done. */
  async drain(total: number, settings: WorkerSettings, count?: number): Promise<Drain> {
    const workers = await this.startProcesses(settings.processes);
    const start = performance.now();
    await this.openWorkers(workers, settings);
    await this.waitForRuns(workers, count ?? total);
    if (count === undefined) while (await this.onlooker.call<boolean>('looksBusy')) await wait(2);
    const tookMs = performance.now() - start;
    if (count === undefined) await this.assertDone();
    const usages = await Promise.all(workers.map((worker) => worker.call<Usage>('usage')));
    const runs = await Promise.all(workers.map((worker) => worker.stop()));
    return {
      jobsPerSecond: ((count ?? total) / tookMs) * 1_000,
      runs: runs.reduce((sum, one) => sum + one, 0),
      workerCpuMs: usages.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
      rssBytes: Math.max(...usages.map(({ rssBytes }) => rssBytes)),
    };
  }

  /** Runs `work` while one worker process works that notes how long after its submit each job begins. */
  async whileTimed(
    profile: WorkerSettings['profile'],
    work: (worker: TimedWorker) => Promise<void>,
  ): Promise<void> {
    const [worker] = (await this.startProcesses(1)) as [PeerProcess];
    await this.openWorkers([worker], { profile, processes: 1, isTimed: true });
    await work({
      next: () => worker.call<number>('nextLatency'),
      takeAll: () => worker.call<number[]>('takeLatencies'),
      runs: () => worker.call<number>('runs'),
    });
    await worker.stop();
  }

  submitTimed(rank?: Rank): Promise<void> {
    return this.producer.call('submitTimed', rank);
  }

  private startProcesses(count: number): Promise<PeerProcess[]> {
    return Promise.all(Array.from({ length: count }, () => PeerProcess.start(this.name)));
  }

  private async openWorkers(workers: readonly PeerProcess[], settings: WorkerSettings): Promise<void> {
    const address = PeerProcess.addressOf(this.servers);
    await Promise.all(workers.map((worker) => worker.call('openWorker', address, settings)));
  }

  /** @throws Error when nothing runs for a minute: a system that came to rest must not end the contest in silence */
  private async waitForRuns(workers: readonly PeerProcess[], count: number): Promise<void> {
    let before = 0;
    let progressAt = performance.now();
    for (;;) {
      const runs = await this.countRuns(workers);
      if (runs >= count) return;
      if (runs > before) progressAt = performance.now();
      before = runs;
      if (performance.now() - progressAt > STALLED_MS)
        throw new Error(`${this.name} stands still: ${runs} of ${count} jobs have run`);
      await wait(10);
    }
  }

  /** After the clock was stopped: it looks at every job. */
  private async assertDone(): Promise<void> {
    if (await this.onlooker.call<boolean>('hasUnfinished'))
      throw new Error(`${this.name}: a job that ran was not recorded as done`);
  }

  private async countRuns(workers: readonly PeerProcess[]): Promise<number> {
    const runs = await Promise.all(workers.map((worker) => worker.call<number>('runs')));
    return runs.reduce((sum, one) => sum + one, 0);
  }
}
