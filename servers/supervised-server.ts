import type { ErrorCode } from '../shared/errors.js';
import { explainFailure, tailOf } from './explain-failure.js';
import { findFreePort } from './free-port.js';
import type { Supervisor } from './supervisor-client.js';
import type { Program } from './supervisor-protocol.js';
import { waitUntilReady } from './wait-until-ready.js';

const READY_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 30_000;
const PORTS_TRIED = 5;

/** How to run one kind of server under the supervisor. */
export interface ServerRecipe {
  readonly title: string;
  readonly unavailable: ErrorCode;
  readonly gentleSignal: NodeJS.Signals;
  programOn(port: number): Program;
  /** Throws unless the server on the port answers and is the very one with this process id. */
  probe(port: number, pid: number): Promise<void>;
}

export interface SupervisedServer {
  readonly port: number;
  readonly pid: number | null;
  start(): Promise<void>;
  stop(): Promise<void>;
  kill(): Promise<void>;
  restart(): Promise<void>;
}

/** Starts a server on a free port; afterwards it can be stopped and started again on that port. */
export async function superviseServer(
  supervisor: Supervisor,
  recipe: ServerRecipe,
): Promise<SupervisedServer> {
  let pid: number | null = null;

  async function startOn(port: number): Promise<void> {
    const program = recipe.programOn(port);
    try {
      const running = await supervisor.start(program);
      pid = running.pid;
      void running.exited.then(() => (pid = pid === running.pid ? null : pid));
      await waitUntilReady(() => recipe.probe(port, running.pid), READY_LIMIT_MS, running.exited);
    } catch (error) {
      await supervisor.stop(program.name, 'SIGKILL', STOP_LIMIT_MS);
      throw explainFailure(recipe.unavailable, recipe.title, error, program.log);
    }
  }

  async function startOnFreePort(): Promise<number> {
    for (let triesLeft = PORTS_TRIED - 1; ; triesLeft--) {
      const port = await findFreePort();
      try {
        await startOn(port);
        return port;
      } catch (error) {
        // Between the look and the start another program may have taken the port.
        const wasTaken = /in use|could not bind/i.test(tailOf(recipe.programOn(port).log));
        if (!wasTaken || triesLeft === 0) throw error;
      }
    }
  }

  const port = await startOnFreePort();
  const { name } = recipe.programOn(port);

  const start = async () => {
    if (pid === null) await startOn(port);
  };
  const end = async (signal: NodeJS.Signals) => {
    await supervisor.stop(name, signal, STOP_LIMIT_MS);
    pid = null;
  };
  const stop = () => end(recipe.gentleSignal);
  const kill = () => end('SIGKILL');
  const restart = async () => {
    await stop();
    await start();
  };

  return {
    port,
    get pid() {
      return pid;
    },
    start,
    stop,
    kill,
    restart,
  };
}
