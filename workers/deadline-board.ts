import type { ClaimedJob } from '../shared/jobs/claimed-job.js';
import { monotonicMs } from '../shared/time/monotonic.js';

interface Entry {
  readonly job: ClaimedJob;
  readonly deadlineMs: number;
}

/** Places on the board; the heartbeat's thread reads them by the same numbers (heartbeat-thread.js). */
export const BOARD = {
  lastTurnMs: 0,
  /** The attempt that is over its timeout first: deadline, job id, attempt. Id 0: it has ended, and which is next is not known yet. */
  first: 1,
  /** When the second one is. */
  secondDeadlineMs: 4,
  /** The attempt whose handler runs its first, synchronous part: deadline, job id, attempt. Id 0: none does. */
  entered: 5,
  length: 8,
} as const;

/**
 * What the heartbeat's thread must know of this one when it no longer answers: when the event loop last turned, and which
 * job is over its timeout first. A few numbers in shared memory, written on the hot path.
 */
export class DeadlineBoard {
  readonly memory = new SharedArrayBuffer(BOARD.length * Float64Array.BYTES_PER_ELEMENT);
  private readonly numbers = new Float64Array(this.memory);

  constructor() {
    this.turn([]);
  }

  /** Before the handler runs: it may block the loop at once, and for ever. */
  add(entry: Entry): void {
    const first = this.numbers[BOARD.first] as number;
    if (entry.deadlineMs < first) {
      this.numbers[BOARD.secondDeadlineMs] = first;
      this.write(BOARD.first, entry);
    } else if (entry.deadlineMs < (this.numbers[BOARD.secondDeadlineMs] as number)) {
      this.numbers[BOARD.secondDeadlineMs] = entry.deadlineMs;
    }
  }

  /** Cheap: until the next turn the second deadline stands for whatever is first now. */
  remove({ job }: Entry): void {
    const { numbers } = this;
    if (numbers[BOARD.first + 1] !== job.id || numbers[BOARD.first + 2] !== job.attempt) return;
    numbers[BOARD.first] = numbers[BOARD.secondDeadlineMs] as number;
    numbers[BOARD.first + 1] = 0;
  }

  /** Runs a handler's synchronous part: should it never end, it is known which one it was. */
  enter<T>(entry: Entry, handler: () => T): T {
    this.write(BOARD.entered, entry);
    try {
      return handler();
    } finally {
      this.numbers[BOARD.entered + 1] = 0;
    }
  }

  /** One turn of the event loop. */
  turn(running: Iterable<Entry>): void {
    let first: Entry | undefined;
    let secondDeadlineMs = Infinity;
    for (const entry of running) {
      if (!first || entry.deadlineMs < first.deadlineMs) {
        secondDeadlineMs = first?.deadlineMs ?? Infinity;
        first = entry;
      } else secondDeadlineMs = Math.min(secondDeadlineMs, entry.deadlineMs);
    }
    this.numbers[BOARD.first] = Infinity;
    if (first) this.write(BOARD.first, first);
    this.numbers[BOARD.secondDeadlineMs] = secondDeadlineMs;
    this.numbers[BOARD.lastTurnMs] = monotonicMs();
  }

  private write(place: number, { job, deadlineMs }: Entry): void {
    this.numbers[place] = deadlineMs;
    this.numbers[place + 1] = job.id;
    this.numbers[place + 2] = job.attempt;
  }
}
