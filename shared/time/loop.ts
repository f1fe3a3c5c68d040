import type { Service } from '../lifecycle/service.js';
import { InterruptibleWait } from './interruptible-wait.js';

export interface LoopOptions {
  readonly name: string;
  /** One round. Returns after how many milliseconds the next one should begin. */
  readonly runOnce: () => Promise<number>;
  /** A round that throws is reported, and followed by another after `retryMs`. */
  readonly onError: (error: unknown) => void;
  /** Default 1,000. */
  readonly retryMs?: number;
}

export interface Loop extends Service {
  /** Begins the next round now. */
  poke(): void;
}

/** What a round returns to rest until it is poked: the longest that a timer can wait, in milliseconds. */
export const UNTIL_POKED_MS = 2 ** 31 - 1;

/** The one shape of periodic work: rounds never overlap, `stop` waits for the one that runs. */
export function createLoop({ name, runOnce, onError, retryMs = 1_000 }: LoopOptions): Loop {
  const pause = new InterruptibleWait();
  let running: Promise<void> | undefined;
  let isStopping = false;

  async function run(): Promise<void> {
    while (!isStopping) {
      let nextMs = retryMs;
      try {
        nextMs = await runOnce();
      } catch (error) {
        onError(error);
      }
      if (!isStopping) await pause.wait(nextMs);
    }
  }

  return {
    name,
    async start() {
      isStopping = false;
      running ??= run();
    },
    async stop() {
      isStopping = true;
      pause.interrupt();
      await running;
      running = undefined;
    },
    poke: () => pause.interrupt(),
  };
}

/** Spreads what many processes do periodically: ± 25 %. */
export const jitter = (ms: number): number => ms * (0.75 + Math.random() / 2);
