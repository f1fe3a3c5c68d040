import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Servers } from '../servers/start-servers.js';

export type WorkerMessage =
  | { readonly kind: 'ready' | 'started' }
  | { readonly kind: 'settled'; readonly settled: number }
  | { readonly kind: 'picked-up'; readonly latencyMs: number }
  | { readonly kind: 'memory'; readonly rssBytes: number };

export interface BenchWorker {
  send(message: 'go' | 'memory' | 'stop'): void;
  onMessage(listener: (message: WorkerMessage) => void): void;
  /** Resolves with the next message of a kind. */
  next<Kind extends WorkerMessage['kind']>(kind: Kind): Promise<Extract<WorkerMessage, { kind: Kind }>>;
  stop(): Promise<void>;
}

/** Starts a worker in a process of its own; it works after `go`. */
export async function forkWorker(servers: Servers, concurrency: number): Promise<BenchWorker> {
  const child = fork(fileURLToPath(new URL('./worker-process.js', import.meta.url)), {
    env: {
      ...process.env,
      POSTGRES_URL: servers.postgresUrl,
      REDIS_URL: servers.redisUrl ?? '',
      CONCURRENCY: String(concurrency),
    },
  });
  const worker: BenchWorker = {
    send: (message) => child.send(message),
    onMessage: (listener) => void child.on('message', (message) => listener(message as WorkerMessage)),
    next: (kind) =>
      new Promise((resolve) => {
        const listener = (message: unknown) => {
          if ((message as WorkerMessage).kind !== kind) return;
          child.off('message', listener);
          resolve(message as never);
        };
        child.on('message', listener);
      }),
    async stop() {
      const ended = once(child, 'exit');
      child.send('stop');
      await ended;
    },
  };
  await worker.next('ready');
  return worker;
}
