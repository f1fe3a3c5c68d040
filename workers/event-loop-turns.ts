import type { Service } from '../shared/lifecycle/service.js';
import { monotonicMs } from '../shared/time/monotonic.js';
import type { RunningAttempts } from './running-attempts.js';

const TURN_MS = 50;
/** An idle worker does not wake up for nothing; one between two jobs does not start and stop a timer for each. */
const TURNS_WITHOUT_JOBS = 20;
/** A turn that comes so late was held up, by a handler or by a process that stood still. It may happen again for so long. */
const LATE_MS = 250;
const REMEMBERED_MS = 60_000;

export interface EventLoopTurns extends Service {
  /** An attempt runs, or one did within the last second. */
  readonly isBusy: boolean;
  /** Nothing held up the event loop within the last minute: what is sent to this process is probably read at once. */
  readonly arePunctual: boolean;
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
  let lastTurnMs = Infinity;
  let lastLateMs = -Infinity;

  function turn(): void {
    const now = monotonicMs();
    if (now - lastTurnMs > TURN_MS + LATE_MS) lastLateMs = now;
    lastTurnMs = now;
    running.turn(graceMs);
    idleTurns = running.size === 0 ? idleTurns + 1 : 0;
    if (idleTurns >= TURNS_WITHOUT_JOBS) rest();
  }

  function wake(): void {
    if (timer) return;
    lastTurnMs = Infinity;
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
    get arePunctual() {
      return monotonicMs() - lastLateMs > REMEMBERED_MS;
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
