import { messageOf } from '../shared/errors.js';
import { openInstallation, type Installation, type InstallationOptions } from '../shared/installation.js';
import type { Service } from '../shared/lifecycle/service.js';
import type { DefinedSchedule } from '../shared/schedules/define-schedule.js';
import { upsertSchedules } from '../shared/schedules/upsert-schedules.js';
import { checkSettings } from './check-settings.js';
import { Incarnation } from './incarnation.js';
import { resolveSettings, type WorkerSettings } from './worker-settings.js';

/** Where a worker finds its installation: an open one, which it leaves open, or how to open its own. */
export type WorkerOptions = WorkerSettings & {
  /** Made by `defineSchedule`; stored when the worker starts, by however many workers at once. A coordinator fires them. */
  readonly schedules?: readonly DefinedSchedule[];
} & (InstallationOptions | { readonly installation: Installation });

export interface Worker extends Service {
  /** The id of its present incarnation; undefined before `start`. */
  readonly id: string | undefined;
  /** Jobs whose handlers run now. */
  readonly runningCount: number;
  /** Starts, works until its queues hold no job that is running or ready for it, and stops. For tests and scripts. */
  runUntilEmpty(): Promise<void>;
}

/**
 * A worker: takes jobs of its queues, runs their handlers, records what came of it. Nothing happens before `start`. Some process must
 * run a `Coordinator` besides. Reads no environment variables.
 *
 * @throws TypeError for settings that are impossible, naming each and what it must be, or that contradict each other
 */
export function createWorker(options: WorkerOptions): Worker {
  return new WorkerService(options);
}

const HAS_WORK = `
  SELECT EXISTS (SELECT 1 FROM jobs
    WHERE queue = ANY ($1::text[]) AND completed_at IS NULL AND unmet_dependencies = 0 AND set_aside_at IS NULL
      AND job_type = ANY ($2::text[])
      AND (status = 'running' OR ready_at <= now() AND queue <> ALL (ARRAY(SELECT name FROM queues WHERE paused_at IS NOT NULL)))
  ) AS found`;

class WorkerService implements Worker {
  readonly name = 'worker';
  private readonly settings;
  private installation: Installation | undefined;
  private incarnation: Incarnation | undefined;
  private rebirth: Promise<void> | undefined;
  private isStopping = false;

  constructor(private readonly options: WorkerOptions) {
    checkSettings(options);
    this.settings = resolveSettings(options);
  }

  get id(): string | undefined {
    return this.incarnation?.workerId;
  }

  get runningCount(): number {
    return this.incarnation?.running.size ?? 0;
  }

  async start(): Promise<void> {
    if (this.incarnation) return;
    this.isStopping = false;
    this.installation =
      'installation' in this.options ? this.options.installation : await openInstallation(this.options);
    try {
      await upsertSchedules(this.installation, this.options.schedules ?? []);
      await this.begin();
    } catch (error) {
      await this.closeInstallation();
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    await this.rebirth;
    await this.incarnation?.stop();
    this.incarnation = undefined;
    await this.closeInstallation();
  }

  async runUntilEmpty(): Promise<void> {
    await this.start();
    const { db } = this.installation as Installation;
    const values = [[...this.settings.queues.keys()], [...this.settings.jobs.keys()]];
    for (;;) {
      const { rows } = await db.query<{ found: boolean }>(HAS_WORK, values);
      if (!rows[0]?.found) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await this.stop();
  }

  /** An incarnation that dies as it starts, when its heartbeat's thread ends for one, is followed by another. */
  private async begin(): Promise<void> {
    while (!this.incarnation && !this.isStopping) {
      let isDead = false;
      const incarnation = new Incarnation(this.installation as Installation, this.settings, () => {
        isDead = true;
        if (this.incarnation === incarnation)
          this.rebirth ??= this.beginAgain().finally(() => (this.rebirth = undefined));
      });
      await incarnation.start();
      if (!isDead) this.incarnation = incarnation;
      else await this.startOver(incarnation);
    }
  }

  private async startOver(dead: Incarnation): Promise<void> {
    const { logger } = this.installation as Installation;
    logger.warn(
      'this worker died as it started, perhaps with its heartbeat’s thread; it starts over in a second',
      {
        workerId: dead.workerId,
      },
    );
    await dead.abandon();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }

  /** Declared dead, by a coordinator that did not hear from us: frozen, or cut off. What we ran runs elsewhere now. */
  private async beginAgain(): Promise<void> {
    const { logger } = this.installation as Installation;
    const former = this.incarnation as Incarnation;
    logger.warn('this worker was declared dead; it aborts what it runs and starts over', {
      workerId: former.workerId,
    });
    await former.abandon();
    this.incarnation = undefined;
    while (!this.isStopping && !this.incarnation) {
      await this.begin().catch(async (error: unknown) => {
        logger.warn('could not register again; trying once more in a second', { error: messageOf(error) });
        await new Promise((resolve) => setTimeout(resolve, 1_000));
      });
    }
  }

  private async closeInstallation(): Promise<void> {
    if (!('installation' in this.options)) await this.installation?.close();
    this.installation = undefined;
  }
}
