import { messageOf } from '../shared/errors.js';
import { composeServices, type Service } from '../shared/lifecycle/service.js';
import type { Installation } from '../shared/installation.js';
import type { ClaimedJob } from '../shared/jobs/claimed-job.js';
import { typePolicies } from '../shared/jobs/end-blocked.js';
import { release } from '../shared/jobs/outcome.js';
import {
  markWorkerStopped,
  newWorkerId,
  registerWorker,
  takeBackSetAside,
} from '../shared/workers/registry.js';
import { createLoop } from '../shared/time/loop.js';
import { within } from '../shared/time/within.js';
import { AssignmentLine } from './assignment-line.js';
import { createAttemptWatch } from './attempt-watch.js';
import { BlockingConnections } from './blocking-connections.js';
import { ClaimLedger } from './claim-ledger.js';
import { Claimer } from './claimer.js';
import { Consumer } from './consumer.js';
import { createEventLoopTurns, type EventLoopTurns } from './event-loop-turns.js';
import { executeJob, type ExecutorOptions } from './executor.js';
import { createHeartbeat } from './heartbeat.js';
import { isSuspect, RunningAttempts } from './running-attempts.js';
import { Settler } from './settler.js';
import { Slots } from './slots.js';
import { countSlots, retryPolicies, type ResolvedSettings } from './worker-settings.js';

const RECONCILE_MS = 5_000;

/**
 * One life of a worker, with an id of its own: from its registration until it has stopped or was declared dead. A worker
 * that was declared dead owns nothing any more and goes on as another incarnation.
 */
export class Incarnation implements Service {
  readonly name = 'worker';
  readonly workerId = newWorkerId();
  readonly running = new RunningAttempts();
  private readonly ledger = new ClaimLedger();
  private readonly claimer: Claimer;
  private readonly settler: Settler;
  private readonly executorOptions: ExecutorOptions;
  private readonly turns: EventLoopTurns;
  private readonly consumers: Service;
  private readonly upkeep: Service;

  constructor(
    private readonly installation: Installation,
    private readonly settings: ResolvedSettings,
    onDead: () => void,
  ) {
    const { workerId, running, ledger } = this;
    const { isDeadLetterEnabled, maxResultBytes, maxUnsettled, abortGraceMs: graceMs } = settings;
    this.claimer = new Claimer({
      installation,
      workerId,
      running,
      ledger,
      jobTypes: [...settings.jobs.keys()],
      unsettledJobs: () => this.settler.jobs(),
    });
    this.settler = new Settler({
      installation,
      workerId,
      ledger,
      isDeadLetterEnabled,
      maxResultBytes,
      maxWaiting: maxUnsettled,
    });
    const { jobs, retryPolicy } = settings;
    this.executorOptions = { db: installation.db, jobs, maxResultBytes, workerId, running, retryPolicy };
    this.consumers = this.createConsumers();
    const heartbeat = createHeartbeat({
      connection: installation.db.connectionConfig,
      schema: installation.db.schema,
      workerId,
      intervalMs: settings.heartbeatIntervalMs,
      graceMs,
      running,
      policies: typePolicies(retryPolicies(settings)),
      isDeadLetterEnabled,
      onDead,
    });
    this.turns = createEventLoopTurns(running, graceMs, (isBusy) => {
      heartbeat.watch(isBusy);
      attemptWatch.poke();
    });
    const { turns } = this;
    const isBusy = () => turns.isBusy;
    const attemptWatch = createAttemptWatch(installation, workerId, running, { graceMs, isBusy });
    this.upkeep = composeServices('upkeep', [
      turns,
      heartbeat,
      attemptWatch,
      createLoop({
        name: 'reconcile',
        runOnce: async () => {
          await this.claimer.reconcile();
          return RECONCILE_MS;
        },
        onError: () => undefined,
      }),
    ]);
  }

  async start(): Promise<void> {
    const { db, events } = this.installation;
    const { settings, workerId } = this;
    const queues = [...settings.queues.keys()];
    const jobTypes = [...settings.jobs.keys()];
    const { deadAfterMs } = settings;
    const description = { queues, jobTypes, concurrency: countSlots(settings), deadAfterMs };
    await registerWorker(db, workerId, description);
    events.emit('workerRegistered', { workerId, queues, jobTypes });
    try {
      // Registering counts as the first beat: no job waits for the heartbeat's thread to load.
      await this.consumers.start();
      await this.upkeep.start();
      for (const queue of queues) await this.takeBack(queue, jobTypes);
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Stops taking; lets handlers finish, then aborts them; settles all of it; beats until the end. */
  async stop(): Promise<void> {
    // Claims under way end; those that wait for PostgreSQL give up, their ids go back.
    this.claimer.stop();
    await this.consumers.stop();
    // What was claimed for us, and came too late to be heard, runs elsewhere at once.
    const reconciled = this.claimer.reconcile().catch(() => undefined);
    const { shutdownTimeoutMs, abortGraceMs } = this.settings;
    if (!(await this.whenDrained(shutdownTimeoutMs))) {
      this.running.abortAll('shutdown', abortGraceMs);
      await this.whenDrained(abortGraceMs + 1_000);
    }
    // PostgreSQL may be away: what cannot be recorded in time is lost, and rescued.
    const tooLate = () => new Error('outcomes could not be recorded in time');
    await within(shutdownTimeoutMs, this.settler.whenIdle(), tooLate).catch(() => undefined);
    await Promise.all([this.settler.forgetFinished(), reconciled]);
    this.settler.abandon();
    // In this order: a beat after the mark would find no worker, and take that for a death.
    await this.upkeep.stop();
    await markWorkerStopped(this.installation.db, this.workerId).catch(() => undefined);
  }

  /** Declared dead: what runs here is no longer ours, and what it returns is void. */
  async abandon(): Promise<void> {
    this.running.close();
    this.running.abortAll('lost', this.settings.abortGraceMs);
    this.claimer.stop();
    this.settler.abandon();
    await Promise.all([this.consumers.stop(), this.upkeep.stop()]);
    await this.whenDrained(this.settings.abortGraceMs + 1_000);
  }

  /** Jobs that waited for a worker like this one. The coordinator does so, too, every half minute: no reason not to start. */
  private async takeBack(queue: string, jobTypes: readonly string[]): Promise<void> {
    await takeBackSetAside(this.installation, queue, jobTypes).catch((error: unknown) => {
      const fields = { queue, error: messageOf(error) };
      this.installation.logger.warn('jobs that were set aside could not be taken back at once', fields);
    });
  }

  private createConsumers(): Service {
    const { installation, workerId, running, claimer, settler, settings } = this;
    const sharedSlots = new Slots(settings.concurrency);
    const { lanes } = installation;
    const connections = lanes ? new BlockingConnections(lanes) : undefined;
    const line = this.createLine();
    const consumers = [...settings.queues].map(([queue, ownSlots]) => {
      const slots = ownSlots === undefined ? sharedSlots : new Slots(ownSlots);
      const { pollIntervalMs, deadAfterMs } = settings;
      const execute = (job: ClaimedJob) => this.execute(job);
      return new Consumer({
        installation,
        workerId,
        queue,
        slots,
        connections,
        line,
        isPunctual: () => this.turns.arePunctual,
        running,
        claimer,
        settler,
        pollIntervalMs,
        deadAfterMs,
        execute,
        release: (job, why) => this.release(job, why),
      });
    });
    const services = [connections, line, ...consumers].filter((service) => service !== undefined);
    return composeServices('consumers', services);
  }

  private createLine(): AssignmentLine | undefined {
    const { lanes } = this.installation;
    if (!lanes?.offers) return undefined;
    const onStray = () => void this.claimer.reconcile().catch(() => undefined);
    return new AssignmentLine(this.installation, lanes, lanes.offers, this.workerId, onStray);
  }

  private async execute(job: ClaimedJob): Promise<void> {
    // Claims under way at the same time may each bring one.
    if (isSuspect(job) && this.running.runsSuspect)
      return this.release(job, 'a process runs one suspect at a time');
    if (!this.running.takeExpected(job)) return this.settler.skip(job);
    const outcome = await executeJob(job, this.executorOptions);
    if (outcome) this.settler.add(outcome);
    else this.settler.skip(job);
  }

  /** Lets go of a job whose handler has not begun. */
  private release(job: ClaimedJob, why: string): void {
    if (this.running.takeExpected(job)) this.settler.add(release({ job, durationMs: 0, logs: [] }, why));
    else this.settler.skip(job);
  }

  private async whenDrained(mostMs: number): Promise<boolean> {
    const giveUpAt = performance.now() + mostMs;
    while (this.running.size > 0 && performance.now() < giveUpAt)
      await new Promise((resolve) => setTimeout(resolve, 10));
    return this.running.size === 0;
  }
}
