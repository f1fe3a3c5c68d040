import type { Leadership } from '../../shared/coordination/lease.js';
import { messageOf } from '../../shared/errors.js';
import type { Installation } from '../../shared/installation.js';
import { composeServices, type Service } from '../../shared/lifecycle/service.js';
import { createLoop } from '../../shared/time/loop.js';
import { createAnnouncementListener } from './announcement-listener.js';
import { createPruner, createRescuer, createSweeper, type DutySettings } from './duties.js';
import { Promoter } from './promoter.js';

/** One term of leadership: the duties, from election to resignation. */
export class Leader {
  private readonly promoter: Promoter;
  private readonly duties: Service;
  /** Since when PostgreSQL has answered without a gap, as far as we know. */
  private trustedSince: number;

  constructor(installation: Installation, holder: string, leadership: Leadership, settings: DutySettings) {
    // When leadership passed on at once, PostgreSQL was there all the time; else everybody gets a full lease to beat again.
    this.trustedSince = leadership.isSeamless ? -Infinity : performance.now();
    this.promoter = new Promoter(installation, leadership.promoteCursor);
    this.duties = composeServices('duties', [
      createLoop({
        name: 'promote',
        runOnce: () => this.promoter.runOnce(),
        onError: (error) => {
          this.noteGap();
          installation.logger.warn('coordinator: promote failed, will be tried again', {
            error: messageOf(error),
          });
        },
        retryMs: 250,
      }),
      createAnnouncementListener(installation),
      createRescuer(installation, holder, () => performance.now() - this.trustedSince),
      createSweeper(installation, holder),
      createPruner(installation, settings),
    ]);
  }

  get promoteCursor(): string {
    return this.promoter.cursor.scheduledAt;
  }

  /** PostgreSQL did not answer: workers could not beat either. */
  noteGap(): void {
    this.trustedSince = performance.now();
  }

  start(): Promise<void> {
    return this.duties.start();
  }

  stop(): Promise<void> {
    return this.duties.stop();
  }
}
