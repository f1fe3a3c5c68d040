import { HoldfastError } from '../shared/errors.js';

export type ServerSource = 'given' | 'binaries' | 'embedded' | 'docker';

/** One running server. The controls work on private ones only; elsewhere they throw and `isControllable` is false. */
export interface ServerHandle {
  readonly source: ServerSource;
  readonly url: string;
  /** One line for people: what it is and where it came from, without secrets. */
  readonly description: string;
  readonly isControllable: boolean;
  /** The main process, for tests that freeze it or watch it end; null while stopped and when not private. */
  readonly pid: number | null;
  /** Starts it again on the same port and files; settles when it answers. */
  start(): Promise<void>;
  /** Shuts it down gently. */
  stop(): Promise<void>;
  /** Ends it as a power cut would: SIGKILL to every process of it. */
  kill(): Promise<void>;
  restart(): Promise<void>;
}

export interface RedisHandle extends ServerHandle {
  /** Kills it and starts it again without its files: everything in it is lost. */
  wipe(): Promise<void>;
}

/** A handle on a server that is not ours to stop. */
export function withoutControls(source: ServerSource, url: string, description: string): RedisHandle {
  const refuse = () =>
    Promise.reject(
      new HoldfastError('busy', `not ours to stop or start: ${description} (source: ${source})`),
    );
  return {
    source,
    url,
    description,
    isControllable: false,
    pid: null,
    start: refuse,
    stop: refuse,
    kill: refuse,
    restart: refuse,
    wipe: refuse,
  };
}
