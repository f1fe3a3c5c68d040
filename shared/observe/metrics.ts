import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { messageOf } from '../errors.js';
import type { EventHub } from './events.js';
import { silentLogger, type Logger } from './logger.js';
import { childrenOf, tally } from './metric-children.js';
import { subscribe } from './subscribe.js';

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

/** Jobs take from milliseconds to hours, and wait as long. */
const JOB_SECONDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 14_400,
];
const REQUEST_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** A scraper waits ten seconds as a rule; PostgreSQL may take this much of them. */
const LONGEST_READING_MS = 3_000;

/** Subscribes to everything that happens, and counts it. */
export function createMetrics({ events, logger = silentLogger }: MetricsOptions): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const stopCounting = [
    countJobs(registry, events),
    countCare(registry, events),
    showFallbacks(registry, events),
  ];
  const recordRequest = countRequests(registry);
  const showDepths = createDepthGauges(registry);
  let source: (() => Promise<DepthReading>) | undefined;

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

type Stop = () => void;

function countJobs(registry: Registry, events: EventHub): Stop {
  const counter = <Label extends string>(name: string, help: string, labelNames: Label[]) =>
    new Counter({ name, help, labelNames, registers: [registry] });
  const histogram = <Label extends string>(name: string, help: string, labelNames: Label[]) =>
    new Histogram({ name, help, labelNames, buckets: JOB_SECONDS, registers: [registry] });

  const submitted = childrenOf(
    counter('jobs_submitted_total', 'Jobs submitted by this process', ['job_type', 'queue']),
  );
  const processed = childrenOf(
    counter('jobs_processed_total', 'Attempts settled, by outcome', ['job_type', 'status']),
  );
  const failed = childrenOf(
    counter('jobs_failed_total', 'Attempts that failed: retried ones and dead letters', [
      'job_type',
      'error_type',
    ]),
  );
  const duration = childrenOf(
    histogram('job_duration_seconds', 'How long handlers ran, of attempts that completed or failed', [
      'job_type',
    ]),
  );
  const waits = childrenOf(histogram('job_wait_seconds', 'From ready to claimed', ['queue']));
  const missed = new Counter({
    name: 'jobs_claim_missed_total',
    help: 'Ids taken from Redis that could not be claimed: duplicates, cancelled, not due',
    registers: [registry],
  });

  return subscribe(events, {
    submitted: (jobs) => tally(jobs, (job) => submitted(job.jobType, job.queue)),
    claimed: (jobs) => {
      for (const job of jobs) waits(job.queue).observe(Math.max(job.waitMs, 0) / 1_000);
    },
    claimMissed: ({ count }) => missed.inc(count),
    cancelled: ({ jobType }) => processed(jobType, 'cancelled').inc(),
    settled: (outcomes) => {
      tally(outcomes, (outcome) => processed(outcome.jobType, outcome.kind));
      const failures = outcomes.filter(({ kind }) => kind === 'retried' || kind === 'dead_letter');
      tally(failures, (outcome) => failed(outcome.jobType, outcome.errorClass ?? 'unknown'));
      for (const { jobType, kind, durationMs } of outcomes) {
        if (kind === 'snoozed' || kind === 'released') continue;
        duration(jobType).observe(durationMs / 1_000);
      }
    },
  });
}

/** What the safety net did. */
function countCare(registry: Registry, events: EventHub): Stop {
  const plain = (name: string, help: string) => new Counter({ name, help, registers: [registry] });
  const byQueue = (name: string, help: string) =>
    childrenOf(new Counter({ name, help, labelNames: ['queue'], registers: [registry] }));

  const swept = childrenOf(
    new Counter({
      name: 'jobs_swept_total',
      help: 'Ids put back that Redis had forgotten; rebuild: the whole queue, after Redis was emptied',
      labelNames: ['queue', 'kind'],
      registers: [registry],
    }),
  );
  const polled = byQueue('jobs_polled_total', 'Jobs that a worker found in PostgreSQL itself');
  const garbage = byQueue('lane_garbage_dropped_total', 'Entries of lanes that are no job ids');
  const undispatched = byQueue('dispatch_failures_total', 'Ids that could not be pushed to Redis');
  const rescued = plain('jobs_rescued_total', 'Jobs taken back from workers that died');
  const deaths = plain('worker_deaths_total', 'Workers declared dead');
  const promoted = plain('jobs_promoted_total', 'Jobs dispatched when they became due');
  const pruned = plain('jobs_pruned_total', 'Finished jobs deleted by retention');
  const lost = plain(
    'ownership_lost_total',
    'Attempts whose outcome was discarded: the worker owned them no longer',
  );
  const delays = plain('settle_delays_total', 'Times an outcome could not be recorded and waits');

  return subscribe(events, {
    swept: ({ queue, missing, rebuilt }) => swept(queue, rebuilt ? 'rebuild' : 'sweep').inc(missing),
    polled: ({ queue, count }) => polled(queue).inc(count),
    garbageDropped: ({ queue, count }) => garbage(queue).inc(count),
    dispatchFailed: ({ queue, count }) => undispatched(queue).inc(count),
    rescued: ({ jobIds }) => rescued.inc(jobIds.length),
    workerDied: () => deaths.inc(),
    promoted: ({ count }) => promoted.inc(count),
    pruned: ({ jobs }) => pruned.inc(jobs),
    ownershipLost: ({ jobIds }) => lost.inc(jobIds.length),
    settleDelayed: () => delays.inc(),
  });
}

function showFallbacks(registry: Registry, events: EventHub): Stop {
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers: [registry] });
  const fallback = gauge('redis_fallback_gauge', '1 while this process claims from PostgreSQL alone');
  const leading = gauge('coordinator_leader_gauge', '1 while this process is the coordinator');
  const term = gauge('coordinator_term_gauge', 'The last term in which this process led');
  const fallbacks = new Counter({
    name: 'redis_fallbacks_total',
    help: 'Times Redis went away from a worker',
    registers: [registry],
  });

  return subscribe(events, {
    redisAway: () => {
      fallback.set(1);
      fallbacks.inc();
    },
    redisBack: () => fallback.set(0),
    leading: (leadership) => {
      leading.set(1);
      term.set(leadership.term);
    },
    leadershipLost: () => leading.set(0),
  });
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
