import { messageOf } from '../../shared/errors.js';
import { recordKeyUse } from '../../shared/keys/record-key-use.js';
import type { Logger } from '../../shared/observe/logger.js';
import type { Database } from '../../shared/postgres/create-database.js';
import { createLoop, UNTIL_POKED_MS, type Loop } from '../../shared/time/loop.js';

const ROUND_MS = 2_000;
const RETRY_MS = 30_000;

/** Records which keys are used, besides the requests that use them. */
export class KeyUses {
  private used = new Set<number>();
  /** Made by the first use, so that a server that is only built leaves no timer behind. */
  private loop: Loop | undefined;
  private isResting = false;

  constructor(
    private readonly db: Database,
    private readonly logger: Logger,
  ) {}

  note(id: number): void {
    this.used.add(id);
    this.loop ??= createLoop({
      name: 'uses of keys',
      runOnce: () => this.runOnce(),
      onError: (error) =>
        this.logger.debug('uses of API keys could not be recorded', { error: messageOf(error) }),
      retryMs: RETRY_MS,
    });
    void this.loop.start();
    if (this.isResting) this.loop.poke();
    this.isResting = false;
  }

  async close(): Promise<void> {
    await this.loop?.stop();
  }

  private async runOnce(): Promise<number> {
    if (this.used.size === 0) {
      this.isResting = true;
      return UNTIL_POKED_MS;
    }
    const ids = [...this.used];
    this.used = new Set();
    await recordKeyUse(this.db, ids);
    return ROUND_MS;
  }
}
