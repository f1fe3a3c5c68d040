import type { ChildProcess } from 'node:child_process';
import { HoldfastError } from '../shared/errors.js';
import type { ExitStatus, SupervisorCommand, SupervisorMessage } from './supervisor-protocol.js';

/** Requests to the supervisor with their answers, and the ends of the programs it started. */
export interface SupervisorChannel {
  ask(command: SupervisorCommand): Promise<number>;
  exitOf(pid: number): Promise<ExitStatus>;
  /** Keeps this process alive until the promise, which only the channel can settle, is settled. */
  holding<T>(promise: Promise<T>): Promise<T>;
  readonly hasClosed: Promise<void>;
}

const isGone = () =>
  new HoldfastError('internal', 'The supervisor of the private servers is gone, and they with it.');

export function openChannel(child: ChildProcess): SupervisorChannel {
  const waiting = new Map<number, { resolve: (value: number) => void; reject: (error: Error) => void }>();
  const exits = collectExits(child);
  const hasClosed = new Promise<void>((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    else child.once('exit', () => resolve());
  });
  let lastId = 0;
  let holds = 0;

  child.on('message', (message: SupervisorMessage) => {
    if (message.kind === 'answer') waiting.get(message.id)?.resolve(message.value);
    if (message.kind === 'failed') waiting.get(message.id)?.reject(new Error(message.reason));
  });
  void hasClosed.then(() => {
    for (const { reject } of waiting.values()) reject(isGone());
  });

  async function holding<T>(promise: Promise<T>): Promise<T> {
    if (holds++ === 0) child.channel?.ref();
    try {
      return await promise;
    } finally {
      if (--holds === 0) child.channel?.unref();
    }
  }

  async function ask(command: SupervisorCommand): Promise<number> {
    if (!child.connected) throw isGone();
    const id = ++lastId;
    const answer = new Promise<number>((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      child.send({ id, ...command }, (error) => error && reject(error));
    });
    return holding(answer).finally(() => waiting.delete(id));
  }

  return { ask, exitOf: exits, holding, hasClosed };
}

function collectExits(child: ChildProcess): (pid: number) => Promise<ExitStatus> {
  const early = new Map<number, ExitStatus>();
  const listeners = new Map<number, (status: ExitStatus) => void>();

  child.on('message', (message: SupervisorMessage) => {
    if (message.kind !== 'exited') return;
    const tell = listeners.get(message.pid);
    // A program that fails at once may have ended before anyone could ask about its end.
    if (tell === undefined) early.set(message.pid, message);
    else tell(message);
    listeners.delete(message.pid);
  });
  child.once('exit', () => {
    for (const tell of listeners.values()) tell({ code: null, signal: 'SIGKILL' });
  });

  return (pid) =>
    new Promise((resolve) => {
      const status = early.get(pid);
      early.delete(pid);
      if (status === undefined) listeners.set(pid, resolve);
      else resolve(status);
    });
}
