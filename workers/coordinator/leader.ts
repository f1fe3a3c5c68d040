import type { Leadership } from '../../shared/coordination/lease.js';
import { messageOf } from '../../shared/errors.js';
import type { Installation } from '../../shared/installation.js';
import { composeServices, type Service } from '../../shared/lifecycle/service.js';
import { isPostgresError } from '../../shared/postgres/postgres-error.js';
import type { TrustedTime } from '../../shared/workers/registry.js';
import { createLoop } from '../../shared/time/loop.js';
import { createAnnouncementListener } from './announcement-listener.js';
import { createPruner, createRescuer, createSweeper, type DutySettings } from './duties.js';
import { Promoter } from './promoter.js';
import { createSchedulerLoop } from './scheduler.js';

/** One term of leadership: the duties, from election to resignation. */
export class Leader {
  private readonly promoter: Promoter;
  private readonly duties: Service;
  /** In between PostgreSQL has answered without a gap, by its own clock. Undefined: it has not answered since the last gap. */
  private trusted: TrustedTime | undefined;

  constructor(installation: Installation, holder: string, leadership: Leadership, settings: DutySettings) {
    // When leadership passed on at once, PostgreSQL was there all the time; else from when we saw it: everybody gets a full lease to beat again.
    const { renewedAt, seenSince, isSeamless } = leadership;
    this.trusted = { from: isSeamless ? '-infinity' : seenSince, until: renewedAt };
    this.promoter = new Promoter(installation, leadership.promoteCursor);
    this.duties = composeServices('duties', [
      createLoop({
        name: 'promote',
        runOnce: () => this.promoter.runOnce(),
        onError: (error) => {
          if (isPostgresError(error, 'unavailable')) this.noteGap();
          installation.logger.warn('coordinator: promote failed, will be tried again', {
            error: messageOf(error),
          });
        },
        retryMs: 250,
      }),
      createAnnouncementListener(installation),
      createSchedulerLoop(installation),
      createRescuer(installation, holder, () => this.trusted),
      createSweeper(installation, holder),
      createPruner(installation, settings),
    ]);
  }

  get promoteCursor(): string {
    return this.promoter.cursor.scheduledAt;
  }

  /** PostgreSQL did not answer: workers could not beat either. */
  noteGap(): void {
    this.trusted = undefined;
  }

  /** A renewal was answered. A stall is a gap too: nobody could beat. */
  noteAnswer({ renewedAt, isGapless }: Leadership): void {
    const from = isGapless ? this.trusted?.from : undefined;
    this.trusted = { from: from ?? renewedAt, until: renewedAt };
  }

  start(): Promise<void> {
    return this.duties.start();
  }

  stop(): Promise<void> {
    return this.duties.stop();
  }
}
