import type { Leadership } from '../../shared/coordination/lease.js';
import { messageOf } from '../../shared/errors.js';
import type { Installation } from '../../shared/installation.js';
import { composeServices, type Service } from '../../shared/lifecycle/service.js';
import { isPostgresError } from '../../shared/postgres/postgres-error.js';
import type { TrustedTime } from '../../shared/workers/registry.js';
import { createLoop, type Loop } from '../../shared/time/loop.js';
import { createAnnouncementListener } from './announcement-listener.js';
import { Promoter } from './promoter.js';
import { createOwnerlessSearch, createRescuer } from './rescuer.js';
import { createRetention, type RetentionSettings } from './retention.js';
import { createSchedulerLoop } from './scheduler.js';
import { createRepairer, createSweeper } from './sweeper.js';

/** One term of leadership: the duties, from election to resignation. */
export class Leader {
  private readonly promoter: Promoter;
  private readonly ownerlessSearch: Loop;
  private readonly duties: Service;
  /** In between PostgreSQL has answered without a gap, by its own clock. Undefined: it has not answered since the last gap. */
  private trusted: TrustedTime | undefined;

  constructor(
    installation: Installation,
    holder: string,
    leadership: Leadership,
    settings: RetentionSettings,
  ) {
    // When leadership passed on at once, PostgreSQL was there all the time; else from when we saw it: everybody gets a full lease to beat again.
    const { renewedAt, seenSince, isSeamless } = leadership;
    this.trusted = { from: isSeamless ? '-infinity' : seenSince, until: renewedAt };
    this.promoter = new Promoter(installation, leadership.promoteCursor);
    const trusted = () => this.trusted;
    this.ownerlessSearch = createOwnerlessSearch(installation, trusted);
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
      createRescuer(installation, holder, trusted),
      this.ownerlessSearch,
      createSweeper(installation, holder),
      createRepairer(installation),
      createRetention(installation, settings),
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
    if (from === undefined) this.ownerlessSearch.poke();
  }

  start(): Promise<void> {
    return this.duties.start();
  }

  stop(): Promise<void> {
    return this.duties.stop();
  }
}
