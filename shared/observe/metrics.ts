import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { messageOf } from '../errors.js';
import { countCare, showFallbacks } from './care-counters.js';
import type { EventHub } from './events.js';
import { silentLogger, type Logger } from './logger.js';
import { countJobs } from './job-counters.js';
import { childrenOf } from './metric-children.js';

export interface RequestRecord {
  readonly method: string;
  /** The route's pattern, never the address itself: that would be a label value per job. */
  readonly route: string;
  readonly status: number;
  readonly durationMs: number;
}

/** What the gauges show of PostgreSQL. Whoever reads it bounds its cost; see shared/jobs/measure-jobs.ts. */
export interface DepthReading {
  readonly depths: Readonly<Record<string, number>>;
  readonly oldestReady: readonly { readonly queue: string; readonly seconds: number }[];
  readonly workers: readonly { readonly workerId: string; readonly isAlive: boolean }[];
}

/** The process's metrics, in a registry of their own. */
export interface Metrics {
  readonly contentType: string;
  /** What Prometheus reads. Never fails because PostgreSQL does. */
  text(): Promise<string>;
  recordRequest(request: RequestRecord): void;
  /** From now on each scrape asks this for the gauges of queues and workers. */
  readDepthsFrom(source: () => Promise<DepthReading>): void;
  /** Listens no longer. What was counted stays. */
  close(): void;
}

export interface MetricsOptions {
  readonly events: EventHub;
  readonly logger?: Logger;
}

const REQUEST_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Ten times coarser than the default, which wakes an idle process a hundred times a second. */
const LAG_RESOLUTION_MS = 100;
/** A scraper waits ten seconds as a rule; PostgreSQL may take this much of them. */
const LONGEST_READING_MS = 3_000;

/** Subscribes to everything that happens, and counts it. */
export function createMetrics({ events, logger = silentLogger }: MetricsOptions): Metrics {
  const registry = new Registry();
  const stopCounting = [
    countJobs(registry, events),
    countCare(registry, events),
    showFallbacks(registry, events),
  ];
  const recordRequest = countRequests(registry);
  const showDepths = createDepthGauges(registry);
  let source: (() => Promise<DepthReading>) | undefined;
  let isProcessWatched = false;

  /** From the first scrape on: where nobody looks, an idle process need not wake up for it. */
  function watchProcess(): void {
    if (!isProcessWatched)
      collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LAG_RESOLUTION_MS });
    isProcessWatched = true;
  }

  async function refreshDepths(): Promise<void> {
    if (!source) return;
    try {
      showDepths(await withinLimit(source()));
    } catch (error) {
      showDepths(undefined);
      logger.warn('metrics: PostgreSQL could not be measured', { error: messageOf(error) });
    }
  }

  return {
    contentType: registry.contentType,
    text: async () => {
      watchProcess();
      await refreshDepths();
      return registry.metrics();
    },
    recordRequest,
    readDepthsFrom: (given) => {
      source = given;
    },
    close: () => stopCounting.forEach((stop) => stop()),
  };
}

function countRequests(registry: Registry): Metrics['recordRequest'] {
  const requests = childrenOf(
    new Counter({
      name: 'http_requests_total',
      help: 'Requests answered',
      labelNames: ['method', 'route', 'status'],
      registers: [registry],
    }),
  );
  const durations = childrenOf(
    new Histogram({
      name: 'http_request_duration_seconds',
      help: 'From the arrival of a request to the end of its answer',
      labelNames: ['method', 'route'],
      buckets: REQUEST_SECONDS,
      registers: [registry],
    }),
  );
  return ({ method, route, status, durationMs }) => {
    requests(method, route, String(status)).inc();
    durations(method, route).observe(durationMs / 1_000);
  };
}

/** Undefined: nothing is known, so that an old number does not pass for a present one. */
function createDepthGauges(registry: Registry): (reading: DepthReading | undefined) => void {
  const gauge = (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name, help, labelNames, registers: [registry] });
  const isUp = gauge('postgres_up_gauge', '1 when PostgreSQL could be measured at the last scrape');
  const depth = gauge('queue_depth_gauge', 'Jobs by state; dlq: open dead letters', ['status']);
  const oldest = gauge('queue_oldest_ready_seconds', 'How long the first ready job has waited', ['queue']);
  const alive = gauge('worker_alive_gauge', '0: silent, or dead within the last hour', ['worker_id']);

  return (reading) => {
    isUp.set(reading ? 1 : 0);
    depth.reset();
    oldest.reset();
    alive.reset();
    if (!reading) return;
    for (const [status, count] of Object.entries(reading.depths)) depth.set({ status }, count);
    for (const { queue, seconds } of reading.oldestReady) oldest.set({ queue }, seconds);
    for (const worker of reading.workers) alive.set({ worker_id: worker.workerId }, worker.isAlive ? 1 : 0);
  };
}

async function withinLimit<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new Error(`no answer within ${LONGEST_READING_MS} ms`)),
      LONGEST_READING_MS,
    );
  });
  try {
    return await Promise.race([work, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
