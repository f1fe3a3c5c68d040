import type { SingleBar } from 'cli-progress';
import { grouped } from './text.js';

export interface Progress {
  advance(by: number): void;
  /** Takes the bar away. May be called twice. */
  end(): void;
}

const SILENT: Progress = { advance: () => undefined, end: () => undefined };

/** A bar on standard error for work that takes long; nothing where that is no terminal. */
export async function showProgress(what: string, total: number): Promise<Progress> {
  if (!process.stderr.isTTY) return SILENT;
  const bar = await createBar(
    `${what} {bar} {percentage} % {value}/{total} {eta_formatted} left`,
    process.stderr,
  );
  bar.start(total, 0);
  return {
    advance: (by) => bar.increment(by),
    end: () => {
      if (bar.isActive) bar.stop();
    },
  };
}

/** A bar that is not shown yet, and is taken away when it stops. */
export async function createBar(format: string, stream: NodeJS.WritableStream): Promise<SingleBar> {
  const { Presets, SingleBar } = await import('cli-progress');
  return new SingleBar(
    {
      format,
      formatValue: (value, _options, kind) =>
        kind === 'value' || kind === 'total' ? grouped(value) : String(value),
      stream,
      barsize: 24,
      clearOnComplete: true,
      // Settings of the terminal would be left behind by Ctrl-C.
      hideCursor: null,
      linewrap: true,
    },
    Presets.shades_classic,
  );
}
