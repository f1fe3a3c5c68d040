import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { HoldfastError } from '../shared/errors.js';
import { chooseTemporaryBase } from './unprivileged-user.js';
import type { ExitStatus, Program, SupervisorCommand, SupervisorMessage } from './supervisor-protocol.js';

export interface RunningProgram {
  readonly pid: number;
  readonly exited: Promise<ExitStatus>;
}

/** The process that owns the private servers; everything it started is gone when it or we have ended. */
export interface Supervisor {
  readonly pid: number;
  /** The temporary folder all files of the servers live in. */
  readonly directory: string;
  start(program: Program): Promise<RunningProgram>;
  stop(name: string, signal: NodeJS.Signals, limitMs: number): Promise<void>;
  end(): Promise<void>;
}

export async function startSupervisor(): Promise<Supervisor> {
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL('./supervisor.js', import.meta.url)), chooseTemporaryBase()],
    { detached: true, stdio: ['ignore', 'ignore', 'ignore', 'ipc'], env: environmentOfServers(), cwd: '/' },
  );
  const directory = await waitForDirectory(child);
  // An idle supervisor must not keep its user alive: a user that simply ends is a case it handles.
  child.unref();
  child.channel?.unref();
  return makeClient(child, directory);
}

/** Variables such as PGDATA or NODE_OPTIONS are meant for the user's own programs, not for these. */
function environmentOfServers(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(PG|NODE_|LC_|LANG)/.test(name));
  return { ...Object.fromEntries(kept), LC_ALL: 'C' };
}

async function waitForDirectory(child: ChildProcess): Promise<string> {
  const ended = once(child, 'exit').then(() => {
    throw new HoldfastError(
      'internal',
      'The supervisor of the private servers ended at once; is the temporary folder writable and not full?',
    );
  });
  const [message] = (await Promise.race([once(child, 'message'), ended])) as [SupervisorMessage];
  ended.catch(() => undefined);
  if (message.kind !== 'ready') throw new HoldfastError('internal', `unexpected first message: ${message.kind}`);
  return message.directory;
}

function makeClient(child: ChildProcess, directory: string): Supervisor {
  const waiting = new Map<number, { resolve: (value: number) => void; reject: (error: Error) => void }>();
  const exits = new Map<number, ExitStatus>();
  const exitListeners = new Map<number, (status: ExitStatus) => void>();
  const hasEnded = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  let lastId = 0;

  child.on('message', (message: SupervisorMessage) => {
    if (message.kind === 'answer') waiting.get(message.id)?.resolve(message.value);
    if (message.kind === 'failed') waiting.get(message.id)?.reject(new Error(message.reason));
    if (message.kind === 'exited') {
      const tell = exitListeners.get(message.pid);
      // A program that fails at once may have ended before anyone could ask about its end.
      if (tell === undefined) exits.set(message.pid, message);
      else tell(message);
      exitListeners.delete(message.pid);
    }
  });
  void hasEnded.then(() => {
    for (const { reject } of waiting.values()) reject(new Error('the supervisor of the private servers is gone'));
    for (const tell of exitListeners.values()) tell({ code: null, signal: 'SIGKILL' });
  });

  async function ask(command: SupervisorCommand): Promise<number> {
    const id = ++lastId;
    if (!child.connected) throw new Error('the supervisor of the private servers is gone');
    child.channel?.ref();
    try {
      return await new Promise<number>((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        child.send({ id, ...command }, (error) => error && reject(error));
      });
    } finally {
      waiting.delete(id);
      if (waiting.size === 0) child.channel?.unref();
    }
  }

  async function start(program: Program): Promise<RunningProgram> {
    const pid = await ask({ kind: 'start', program });
    const exited = new Promise<ExitStatus>((resolve) => {
      const status = exits.get(pid);
      if (status === undefined) exitListeners.set(pid, resolve);
      else resolve(status);
      exits.delete(pid);
    });
    return { pid, exited };
  }

  async function stop(name: string, signal: NodeJS.Signals, limitMs: number): Promise<void> {
    await ask({ kind: 'stop', name, signal, limitMs });
  }

  async function end(): Promise<void> {
    if (!child.connected) return hasEnded;
    child.ref();
    try {
      await ask({ kind: 'end' });
    } finally {
      if (child.connected) child.disconnect();
    }
    await hasEnded;
  }

  return { pid: child.pid ?? 0, directory, start, stop, end };
}
