/** Composes the processes that run jobs; the command line starts them. */
import type { Config } from '../config/load-config.js';
import { createStartCheck } from '../shared/diagnosis/start-check.js';
import { openInstallation, type Installation } from '../shared/installation.js';
import type { AnyJobDefinition } from '../shared/jobs/define-job.js';
import { toDepthReading } from '../shared/jobs/depth-reading.js';
import { createJobMeasurer } from '../shared/jobs/measure-jobs.js';
import { composeServices, type Service } from '../shared/lifecycle/service.js';
import { createEventHub } from '../shared/observe/events.js';
import { logEvents } from '../shared/observe/log-events.js';
import type { Logger } from '../shared/observe/logger.js';
import { createMetrics, type Metrics } from '../shared/observe/metrics.js';
import type { DefinedSchedule } from '../shared/schedules/define-schedule.js';
import { Coordinator } from './coordinator/coordinator.js';
import { createWorker, type Worker } from './create-worker.js';
import { builtInJobs } from './handlers/index.js';
import { createStatusServer, type StatusServer } from './status-server.js';

export interface WorkerProcessOptions {
  readonly logger: Logger;
  /** Besides the built-in ones; a job of the same type takes the built-in one's place. */
  readonly jobs?: readonly AnyJobDefinition[];
  /** Stored when the process starts. */
  readonly schedules?: readonly DefinedSchedule[];
}

export interface WorkerProcess extends Service {
  /** Where `/metrics` and `/health` are, once it runs; undefined when they are off or their port was taken. */
  readonly statusUrl: string | undefined;
}

/**
 * A process that works on queues, and stands for coordinator where the configuration says so.
 *
 * @throws HoldfastError `postgres_unavailable`; TypeError for jobs that contradict each other
 */
export async function composeWorkerProcess(
  config: Config,
  { logger, jobs = [], schedules = [] }: WorkerProcessOptions,
): Promise<WorkerProcess> {
  return composeProcess('worker', config, logger, (installation) => {
    const builtIn = builtInJobs({ ...config.builtInJobs, maxResultBytes: config.worker.maxResultBytes });
    const ownTypes = new Set(jobs.map(({ type }) => type));
    const allJobs = [...jobs, ...builtIn.jobs.filter(({ type }) => !ownTypes.has(type))];
    const worker = createWorker({ installation, ...config.worker, jobs: allJobs, schedules });
    return {
      // Connections that jobs share are closed when the worker has drained.
      services: [
        closing('built-in jobs', () => builtIn.close()),
        worker,
        ...(config.coordinator.isEnabled ? [createCoordinator(installation, config)] : []),
        createStartCheck(installation, {
          queueCount: Object.keys(config.worker.queues).length,
          coordinates: config.coordinator.isEnabled,
        }),
      ],
      describe: () => ({
        worker: { status: worker.id ? 'ok' : 'none', id: worker.id, running: worker.runningCount },
      }),
      readyFields: () => describeWorker(worker, config, allJobs),
    };
  });
}

/** A process that only coordinates. */
export async function composeCoordinatorProcess(config: Config, logger: Logger): Promise<WorkerProcess> {
  return composeProcess('coordinator', config, logger, (installation) => {
    const coordinator = createCoordinator(installation, config);
    return {
      services: [coordinator, createStartCheck(installation, { queueCount: 0, coordinates: true })],
      describe: () => ({ coordinator: { status: coordinator.isLeading ? 'leading' : 'standby' } }),
      readyFields: () => ({}),
    };
  });
}

/** For any process that carries a coordinator along. */
export function createCoordinator(installation: Installation, config: Config): Coordinator {
  return new Coordinator({ installation, retentionMs: config.coordinator.retentionMs });
}

interface Parts {
  readonly services: readonly Service[];
  /** For `/health`. */
  readonly describe: () => Record<string, unknown>;
  /** For the log, when all of it runs. */
  readonly readyFields: () => Record<string, unknown>;
}

async function composeProcess(
  role: string,
  config: Config,
  logger: Logger,
  build: (installation: Installation) => Parts,
): Promise<WorkerProcess> {
  const events = createEventHub();
  const metrics = createMetrics({ events, logger });
  logEvents(events, logger);
  const installation = await openInstallation({
    postgres: { ...config.postgres, applicationName: `holdfast ${role}` },
    redis: config.redis,
    redisPrefix: config.redisPrefix,
    logger,
    events,
    jobDefaults: config.jobDefaults,
  });
  try {
    const measurer = createJobMeasurer(installation.db);
    // An installation's gauges are the same from whichever process they are read.
    metrics.readDepthsFrom(async () => toDepthReading(await measurer.read()));
    const parts = build(installation);
    const readiness = createReadiness(role, logger, parts);
    const statusServer = createStatus(config, installation, metrics, parts, readiness);
    const service = composeServices(role, [
      closing('installation', () => installation.close()),
      ...(statusServer ? [statusServer] : []),
      ...parts.services,
      readiness,
    ]);
    return {
      ...service,
      get statusUrl() {
        return statusServer?.url;
      },
    };
  } catch (error) {
    await installation.close();
    throw error;
  }
}

function createStatus(
  config: Config,
  installation: Installation,
  metrics: Metrics,
  { describe }: Parts,
  { isReady }: Readiness,
): StatusServer | undefined {
  const { host, port } = config.metrics;
  if (port === null) return undefined;
  return createStatusServer({ host, port, installation, metrics, describe, isReady });
}

interface Readiness extends Service {
  readonly isReady: () => boolean;
}

/** Starts last and stops first: in between, the process does its work. */
function createReadiness(role: string, logger: Logger, { readyFields }: Parts): Readiness {
  let isRunning = false;
  return {
    name: 'readiness',
    isReady: () => isRunning,
    async start() {
      isRunning = true;
      logger.info(`${role} ready`, readyFields());
    },
    async stop() {
      isRunning = false;
      logger.info(`${role} drains`);
    },
  };
}

function describeWorker(worker: Worker, config: Config, jobs: readonly AnyJobDefinition[]) {
  const { queues, concurrency } = config.worker;
  const slotsOf = (queue: string) => (queues[queue] === undefined ? queue : `${queue}:${queues[queue]}`);
  return {
    workerId: worker.id,
    queues: Object.keys(queues).map(slotsOf),
    concurrency,
    jobTypes: jobs.map(({ type }) => type),
  };
}

/** Something open already that must be closed at the end. */
const closing = (name: string, close: () => Promise<void>): Service => ({
  name,
  start: () => Promise.resolve(),
  stop: close,
});
