import { messageOf } from '../../shared/errors.js';
import { ANNOUNCEMENT_CHANNEL } from '../../shared/jobs/dispatch-announced.js';
import type { Service } from '../../shared/lifecycle/service.js';
import type { Database } from '../../shared/postgres/create-database.js';
import { Ear } from '../../shared/postgres/ear.js';
import { createLoop, UNTIL_POKED_MS } from '../../shared/time/loop.js';

/** How often it is checked that announcements are heard. */
const CHECK_MS = 2_000;
const RETRY_MS = 1_000;

export interface HearingOptions {
  readonly db: Database;
  readonly onAnnouncement: (payload: string) => void;
  /** Announcements are heard from now on, or no longer. */
  readonly onChange: (isHearing: boolean) => void;
  /** Why they are not; told once until they are. */
  readonly onDeaf: (why: string) => void;
}

/** Keeps an ear open for announcements, and knows whether they are heard. */
export class Hearing implements Service {
  readonly name = 'hearing';
  private ear: Ear | undefined;
  private hears = false;
  private hasComplained = false;
  private isStopping = false;

  private readonly loop = createLoop({
    name: this.name,
    runOnce: () => this.listen(),
    // Why nothing is heard is told where it is found out.
    onError: () => undefined,
    retryMs: RETRY_MS,
  });

  constructor(private readonly options: HearingOptions) {}

  get isHearing(): boolean {
    return this.hears;
  }

  start(): Promise<void> {
    this.isStopping = false;
    return this.loop.start();
  }

  /** Quick also over a dead connection. */
  async stop(): Promise<void> {
    this.isStopping = true;
    this.dropEar();
    await this.loop.stop();
  }

  /** Makes sure of it. Returns when to check again. */
  private async listen(): Promise<number> {
    const ear = this.ear ?? (await this.openEar());
    if (await ear.hearsItself()) {
      this.hasComplained = false;
      this.setHearing(true);
      return CHECK_MS;
    }
    const hadHeard = this.hears;
    const { isPooled } = ear;
    this.dropEar();
    // A connection that died unnoticed: the next one will do.
    if (hadHeard) return 0;
    this.complain(
      isPooled
        ? 'LISTEN hears nothing here, as behind PgBouncer in transaction mode'
        : 'LISTEN does not hear what is sent through the connection pool: do DATABASE_URL and DATABASE_DIRECT_URL name the same database?',
    );
    // A pooler keeps its mode, and each try leaves a LISTEN on a connection of its own.
    return isPooled ? UNTIL_POKED_MS : RETRY_MS;
  }

  private async openEar(): Promise<Ear> {
    const { db, onAnnouncement: onMessage } = this.options;
    const onLost = () => {
      if (this.ear === ear) this.dropEar();
      this.loop.poke();
    };
    const ear: Ear = new Ear({ db, channel: ANNOUNCEMENT_CHANNEL, onMessage, onLost });
    this.ear = ear;
    try {
      await ear.open();
      return ear;
    } catch (error) {
      this.dropEar();
      if (!this.isStopping) this.complain(`LISTEN failed: ${messageOf(error)}`);
      throw error;
    }
  }

  private dropEar(): void {
    this.ear?.close();
    this.ear = undefined;
    this.setHearing(false);
  }

  private setHearing(isHearing: boolean): void {
    if (this.hears === isHearing) return;
    this.hears = isHearing;
    this.options.onChange(isHearing);
  }

  private complain(why: string): void {
    if (this.hasComplained) return;
    this.hasComplained = true;
    this.options.onDeaf(why);
  }
}
