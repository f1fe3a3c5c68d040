import { collectDefaultMetrics, Counter, Histogram, Registry } from 'prom-client';
import { messageOf } from '../errors.js';
import { within } from '../time/within.js';
import { countCare, showFallbacks } from './care-counters.js';
import { createDepthGauges, type DepthReading, type ShowReading } from './depth-gauges.js';
import type { EventHub } from './events.js';
import { silentLogger, type Logger } from './logger.js';
import { countJobs } from './job-counters.js';
import { childrenOf } from './metric-children.js';
import { countSchedules } from './schedule-counters.js';

export interface RequestRecord {
  readonly method: string;
  /** The route's pattern, never the address itself: that would be a label value per job. */
  readonly route: string;
  readonly status: number;
  readonly durationMs: number;
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
    countSchedules(registry, events),
    showFallbacks(registry, events),
  ];
  const recordRequest = countRequests(registry);
  let showDepths: ShowReading | undefined;
  let source: (() => Promise<DepthReading>) | undefined;
  let isProcessWatched = false;

  /** From the first scrape on: where nobody looks, an idle process need not wake up for it. */
  function watchProcess(): void {
    if (!isProcessWatched)
      collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LAG_RESOLUTION_MS });
    isProcessWatched = true;
  }

  async function refreshDepths(): Promise<void> {
    if (!source || !showDepths) return;
    try {
      showDepths(await within(LONGEST_READING_MS, source(), describeTooLate));
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
      // Not before: a process that asks nobody must not say that PostgreSQL is away.
      showDepths ??= createDepthGauges(registry);
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

const describeTooLate = () => new Error(`no answer within ${LONGEST_READING_MS} ms`);
