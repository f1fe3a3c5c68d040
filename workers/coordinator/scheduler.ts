import { messageOf } from '../../shared/errors.js';
import type { Installation } from '../../shared/installation.js';
import { fireSchedules } from '../../shared/schedules/fire-schedules.js';
import { planSchedules } from '../../shared/schedules/plan-schedules.js';
import { readScheduleWork } from '../../shared/schedules/read-schedule-work.js';
import { createLoop, type Loop } from '../../shared/time/loop.js';

/** The longest sleep: a schedule that was created, or changed, by whatever road is seen within this. */
const LOOK_MS = 800;
/** What is due is locked by somebody's transaction, or was refused. */
const HELD_MS = 200;
const RETRY_MS = 250;
/** A schedule whose job PostgreSQL refused is tried again after this; a person may have corrected what was wrong. */
const REFUSED_MS = 10_000;
/** How far a look goes back as a rule: what was due before has been fired. */
const LOOK_BACK_MS = 60_000;
/** How often one goes back to the beginning, for what a person made due long ago, and for what was held. */
const FULL_LOOK_MS = 10_000;

/** Fires schedules when they are due. Any number may run at once: every fire is claimed in the database. */
export class Scheduler {
  /** Id to when it is tried again. */
  private readonly refused = new Map<number, number>();
  private fullLookAt = 0;

  constructor(private readonly installation: Installation) {}

  /** Returns when to look again, in milliseconds: exactly when the next one is due, if that is soon. */
  async runOnce(): Promise<number> {
    const { db, events } = this.installation;
    const isFull = performance.now() >= this.fullLookAt;
    const lookBackMs = isFull ? null : LOOK_BACK_MS;
    const { isUnplanned, nextInMs } = await readScheduleWork(db, lookBackMs);
    if (isFull) events.emit('schedulesWatched', { lagMs: Math.max(0, -(nextInMs ?? 0)) });
    const planned = isUnplanned ? await this.plan() : 0;
    const fired = nextInMs !== null && nextInMs <= 0 ? await this.fireDue(lookBackMs) : 0;
    if (planned + fired > 0) return 0;
    if (isFull) this.fullLookAt = performance.now() + FULL_LOOK_MS;
    const waitMs = nextInMs ?? LOOK_MS;
    // A timer may ring a moment early, and what is due may be held.
    return waitMs <= 0 ? HELD_MS : Math.min(LOOK_MS, Math.ceil(waitMs));
  }

  /** What cannot be planned keeps nothing from firing that is. */
  private async plan(): Promise<number> {
    return planSchedules(this.installation).catch((error: unknown) => {
      const what = 'coordinator: new schedules could not be planned, will be tried again';
      this.installation.logger.warn(what, { error: messageOf(error) });
      return 0;
    });
  }

  /** One page, so that a round ends soon also when there is more due than can be fired. */
  private async fireDue(lookBackMs: number | null): Promise<number> {
    const now = performance.now();
    for (const [id, until] of this.refused) if (until <= now) this.refused.delete(id);
    const { count, refusedId } = await fireSchedules(this.installation, {
      except: [...this.refused.keys()],
      lookBackMs,
    });
    if (refusedId === undefined) return count;
    this.refused.set(refusedId, now + REFUSED_MS);
    // The others are still to come.
    return count + 1;
  }
}

export function createSchedulerLoop(installation: Installation): Loop {
  const scheduler = new Scheduler(installation);
  return createLoop({
    name: 'schedules',
    runOnce: () => scheduler.runOnce(),
    onError: (error) =>
      installation.logger.warn('coordinator: schedules failed, will be tried again', {
        error: messageOf(error),
      }),
    retryMs: RETRY_MS,
  });
}
