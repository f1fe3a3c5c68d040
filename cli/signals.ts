import { constants } from 'node:os';

type StopSignal = 'SIGTERM' | 'SIGINT';

/** npm passes Ctrl-C on to a process that the terminal has told already. */
const ECHO_MS = process.env.npm_lifecycle_event === undefined ? 0 : 500;

/** Resolves at the first SIGTERM or SIGINT. A second one ends the process at once, as if nobody had listened. */
export function nextSignal(): Promise<StopSignal> {
  return new Promise((resolve) => {
    let firstAt: number | undefined;
    const onSignal = (signal: StopSignal) => {
      if (firstAt === undefined) {
        firstAt = performance.now();
        resolve(signal);
      } else if (performance.now() - firstAt >= ECHO_MS) {
        process.exit(128 + constants.signals[signal]);
      }
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
}
