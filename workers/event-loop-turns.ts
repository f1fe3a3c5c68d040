import type { Service } from '../shared/lifecycle/service.js';
import type { RunningAttempts } from './running-attempts.js';

const TURN_MS = 50;
/** An idle worker does not wake up for nothing; one between two jobs does not start and stop a timer for each. */
const TURNS_WITHOUT_JOBS = 20;

export interface EventLoopTurns extends Service {
  /** An attempt runs, or one did within the last second. */
  readonly isBusy: boolean;
}

/**
 * While attempts run: enforces their timeouts, and leaves word that the event loop turns. `onChange` is called, before the
 * attempt begins, when the process becomes busy, and when it is no longer.
 */
export function createEventLoopTurns(
  running: RunningAttempts,
  graceMs: number,
  onChange: (isBusy: boolean) => void,
): EventLoopTurns {
  let timer: NodeJS.Timeout | undefined;
  let idleTurns = 0;

  function turn(): void {
    running.turn(graceMs);
    idleTurns = running.size === 0 ? idleTurns + 1 : 0;
    if (idleTurns >= TURNS_WITHOUT_JOBS) rest();
  }

  function wake(): void {
    if (timer) return;
    turn();
    timer = setInterval(turn, TURN_MS);
    onChange(true);
  }

  function rest(): void {
    if (!timer) return;
    clearInterval(timer);
    timer = undefined;
    idleTurns = 0;
    onChange(false);
  }

  return {
    name: 'turns of the event loop',
    get isBusy() {
      return timer !== undefined;
    },
    async start() {
      running.beforeFirst = wake;
      wake();
    },
    async stop() {
      running.beforeFirst = undefined;
      rest();
    },
  };
}
