import { messageOf } from '../../shared/errors.js';
import type { Installation } from '../../shared/installation.js';
import { within } from '../../shared/time/within.js';

export interface Counted {
  /** Of this window, this request included. */
  readonly count: number;
  /** Until the next window, in milliseconds. */
  readonly leftMs: number;
}

/** A request waits no longer to be counted. */
const PATIENCE_MS = 250;
/** After Redis did not answer, it is left alone for this long. */
const RETRY_MS = 1_000;

/** Counts requests in Redis, for all processes together; in this process while Redis is away, or where there is none. */
export class RequestCounter {
  private readonly own = new OwnWindows();
  private retryAt = -Infinity;
  private isAway = false;

  constructor(private readonly installation: Pick<Installation, 'lanes' | 'logger'>) {}

  async count(caller: string, windowMs: number): Promise<Counted> {
    const { lanes, logger } = this.installation;
    if (!lanes || performance.now() < this.retryAt) return this.own.count(caller, windowMs);
    try {
      const tooLate = () => new Error(`no answer within ${PATIENCE_MS} ms`);
      const counted = await within(PATIENCE_MS, lanes.countRequest(caller, windowMs), tooLate);
      if (this.isAway) logger.info('requests are counted in Redis again');
      this.isAway = false;
      return counted;
    } catch (error) {
      this.retryAt = performance.now() + RETRY_MS;
      if (!this.isAway)
        logger.warn('Redis is away: requests are counted by each process, for itself', {
          error: messageOf(lanes.reasonOf(error)),
        });
      this.isAway = true;
      return this.own.count(caller, windowMs);
    }
  }
}

/** More callers than this in one window make it forget the earliest. */
const MOST_CALLERS = 10_000;

/** Windows in the memory of this process. */
class OwnWindows {
  private readonly windows = new Map<string, { count: number; readonly endsAt: number }>();

  count(caller: string, windowMs: number): Counted {
    const now = performance.now();
    const found = this.windows.get(caller);
    if (found && now < found.endsAt) return { count: ++found.count, leftMs: found.endsAt - now };
    // Set anew, so that the earliest stand first.
    this.windows.delete(caller);
    this.windows.set(caller, { count: 1, endsAt: now + windowMs });
    const [earliest] = this.windows.keys();
    if (this.windows.size > MOST_CALLERS && earliest !== undefined) this.windows.delete(earliest);
    return { count: 1, leftMs: windowMs };
  }
}
