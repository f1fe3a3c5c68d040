import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { HoldfastError } from '../shared/errors.js';
import { openChannel } from './supervisor-channel.js';
import { chooseTemporaryBase } from './unprivileged-user.js';
import type { ExitStatus, Program, SupervisorMessage } from './supervisor-protocol.js';

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
  /** Starts a program and waits for its end. */
  run(program: Program): Promise<ExitStatus>;
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
  if (message.kind !== 'ready')
    throw new HoldfastError('internal', `unexpected first message: ${message.kind}`);
  return message.directory;
}

function makeClient(child: ChildProcess, directory: string): Supervisor {
  const channel = openChannel(child);

  async function start(program: Program): Promise<RunningProgram> {
    const pid = await channel.ask({ kind: 'start', program });
    return { pid, exited: channel.exitOf(pid) };
  }

  async function run(program: Program): Promise<ExitStatus> {
    const { exited } = await start(program);
    return channel.holding(exited);
  }

  async function stop(name: string, signal: NodeJS.Signals, limitMs: number): Promise<void> {
    await channel.ask({ kind: 'stop', name, signal, limitMs });
  }

  async function end(): Promise<void> {
    child.ref();
    try {
      if (child.connected) await channel.ask({ kind: 'end' });
    } finally {
      if (child.connected) child.disconnect();
    }
    await channel.hasClosed;
  }

  return { pid: child.pid ?? 0, directory, start, run, stop, end };
}
