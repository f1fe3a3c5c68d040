import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** What a fixture's process says over IPC; its first word is `started`, with the id of its worker. */
export interface Said {
  readonly event: string;
  readonly workerId?: string;
  readonly jobId?: number;
  readonly term?: number;
}

/** A process of its own, to be frozen, blocked and killed. */
export interface ForkedProcess {
  readonly child: ChildProcess;
  /** Of the worker with which it started; empty where there is none. */
  readonly id: string;
  /** All of it, in order. */
  readonly said: readonly Said[];
  /** Sends SIGKILL and waits until it has ended; one that has ended already is left alone. */
  kill(): Promise<void>;
  /** Asks it to stop and waits until it has ended. */
  stop(): Promise<void>;
}

/** Where the process finds its installation, as a TestInstallation tells it. */
export interface ProcessAddresses {
  readonly connectionString: string;
  readonly redisUrl: string | null;
}

/** Starts `tests/support/fixtures/<fixture>.ts`. @throws Error when it ends before it has started */
export async function forkWorker(
  fixture: string,
  { connectionString, redisUrl }: ProcessAddresses,
  settings: NodeJS.ProcessEnv = {},
): Promise<ForkedProcess> {
  const child = fork(fileURLToPath(new URL(`./fixtures/${fixture}.ts`, import.meta.url)), {
    execArgv: ['--import', 'tsx'],
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      POSTGRES_URL: connectionString,
      REDIS_URL: redisUrl ?? '',
      ...settings,
    },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let complaints = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (complaints += text));
  const said: Said[] = [];
  child.on('message', (message) => said.push(message as Said));
  const ended = once(child, 'exit');
  // A worker may get a job before it says that it has started.
  const started = new Promise<Said>((resolve) => {
    child.on('message', (message) => {
      if ((message as Said).event === 'started') resolve(message as Said);
    });
  });
  const first = await Promise.race([started, ended.then(() => undefined)]);
  if (!first) throw new Error(`the fixture ${fixture} ended before it had started:\n${complaints}`);
  return {
    child,
    id: first.workerId ?? '',
    said,
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
    async stop() {
      child.send('stop');
      await ended;
    },
  };
}
