import { CommandFailure, INTERRUPTED } from './failure.js';
import { nextSignal } from './signals.js';

/** A Ctrl-C, or a SIGTERM, that work of several steps ends for in good order. A second one ends the process at once. */
export class Interruption {
  private readonly controller = new AbortController();
  private readonly come: Promise<undefined>;

  /** Listens from now on. */
  constructor() {
    this.come = nextSignal().then((signal) => this.controller.abort(signal) as undefined);
  }

  /** Aborted when it comes. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Undefined when it comes before the work is done: what may take for ever, such as standard input, is not waited for. */
  orCome<Result>(work: Promise<Result>): Promise<Result | undefined> {
    // Nobody hears of what fails afterwards.
    work.catch(() => undefined);
    return Promise.race([this.come, work]);
  }

  /** What the command ends with; `advice` says where the work stands. */
  toFailure(advice: string): CommandFailure {
    const signal = this.signal.reason as keyof typeof INTERRUPTED;
    return new CommandFailure(INTERRUPTED[signal], `stopped by ${signal}: ${advice}`);
  }
}
