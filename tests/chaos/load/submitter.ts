import { setTimeout as wait } from 'node:timers/promises';
import type { Random } from '../random.js';
import type { World } from '../world/world.js';
import type { Promises } from './promises.js';

/** What every submitter is given. */
export interface SubmitterContext {
  readonly world: World;
  readonly promises: Promises;
  readonly random: Random;
}

/** Somebody who does something again and again until told to stop. */
export interface Submitter {
  /** Resolves when the step under way has ended. */
  stop(): Promise<void>;
}

/** Repeats a step about every `everyMs`; a step that throws is the harness's own fault and ends the run. */
export function repeat(everyMs: number, step: () => Promise<void>): Submitter {
  let isStopping = false;
  const loop = (async () => {
    while (!isStopping) {
      const startedAt = performance.now();
      await step();
      await wait(Math.max(1, everyMs - (performance.now() - startedAt)));
    }
  })();
  loop.catch(() => undefined);
  return {
    stop: () => {
      isStopping = true;
      return loop;
    },
  };
}
