/** npm passes a Ctrl-C on that the terminal has delivered already; within this time two are one. */
const SAME_KEYSTROKE_MS = 1_000;

/**
 * Aborts on the first Ctrl-C (or SIGTERM, or when the terminal is closed), so that everything can be stopped in good
 * order. A second one ends the process at once; private servers end with it.
 */
export function listenForCtrlC(say: (line: string) => void): AbortSignal {
  const controller = new AbortController();
  let firstAt: number | undefined;
  const onSignal = () => {
    if (firstAt === undefined) {
      firstAt = performance.now();
      // First, so that a progress bar is off the screen.
      controller.abort(new Error('stopped by Ctrl-C'));
      say('\nStopping; Ctrl-C once more ends it at once.');
    } else if (performance.now() - firstAt > SAME_KEYSTROKE_MS) {
      process.exit(130);
    }
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, onSignal);
  // Whoever read our output has gone, as in `npm run demo | head`: nobody is left to tell.
  process.stdout.on('error', () => process.exit(1));
  return controller.signal;
}

/** Settles when the signal is aborted. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    // Listeners for signals do not keep a process alive.
    const keepAlive = setInterval(() => undefined, 60_000);
    const end = () => {
      clearInterval(keepAlive);
      resolve();
    };
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}
