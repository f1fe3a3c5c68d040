import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Servers } from '../../servers/start-servers.js';
import { packageRoot } from '../../shared/package-root.js';

export const PEERS_FOLDER = join(packageRoot, 'bench', 'peers');
/** Two of the peers need a newer Node than Holdfast does: all of them, Holdfast too, run on this one. */
export const PEERS_NODE = join(PEERS_FOLDER, 'node_modules', 'node', 'bin', 'node');

export const SYSTEMS = ['holdfast', 'graphile-worker', 'pg-boss', 'bullmq'] as const;
export type SystemName = (typeof SYSTEMS)[number];

/** What an urgent job overtakes, and what overtakes it. Left out: submitted without a word on priority. */
export type Rank = 'normal' | 'urgent';

export interface WorkerSettings {
  readonly profile: 'drain' | 'idle' | 'steady' | 'slots';
  readonly processes: number;
  readonly handlerMs?: number;
  /** Note how long after its submit each job begins. */
  readonly isTimed?: boolean;
  /** Of Holdfast alone: how long finished jobs are kept, if not for its default. */
  readonly retentionMs?: number;
}

export interface Usage {
  readonly cpuMs: number;
  readonly rssBytes: number;
}

interface Reply {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

/** A process in which one system runs as producer, worker or onlooker; see systems/process.js for what it can be told. */
export class PeerProcess {
  private readonly waiting = new Map<number, { resolve(value: never): void; reject(error: Error): void }>();
  private lastId = 0;

  private constructor(
    private readonly child: ChildProcess,
    private readonly name: SystemName,
  ) {
    child.on('message', (message) => this.receive(message as Reply));
    child.on('exit', (code) => this.fail(new Error(`a process of ${name} ended with ${code}`)));
  }

  /** Resolves when the process has loaded its system. */
  static async start(name: SystemName): Promise<PeerProcess> {
    const file = join(PEERS_FOLDER, 'systems', 'process.js');
    const child = fork(file, [name], {
      execPath: PEERS_NODE,
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    await once(child, 'message');
    return new PeerProcess(child, name);
  }

  call<Result = void>(command: string, ...args: unknown[]): Promise<Result> {
    const id = ++this.lastId;
    return new Promise<Result>((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.child.send({ id, command, args });
    });
  }

  static readonly addressOf = (servers: Servers) => ({
    postgresUrl: servers.postgresUrl,
    redisUrl: servers.redisUrl ?? '',
  });

  /** In good order; after ten seconds without. Resolves with how many jobs it has run in all, 0 where it cannot say. */
  async stop(): Promise<number> {
    const ended = once(this.child, 'exit');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 10_000);
    const runs = await this.call<number>('close').catch((error: unknown) => {
      console.error(`${this.name}: ${String(error)}`);
      return 0;
    });
    if (this.child.connected) this.child.disconnect();
    await ended;
    clearTimeout(timer);
    return runs;
  }

  private receive({ id, result, error }: Reply): void {
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    if (error === undefined) waiting?.resolve(result as never);
    else waiting?.reject(new Error(`${this.name}: ${error}`));
  }

  private fail(error: Error): void {
    for (const one of this.waiting.values()) one.reject(error);
    this.waiting.clear();
  }
}
