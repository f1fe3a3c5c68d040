import { z } from 'zod';
import type { JobMeasures } from '../../shared/jobs/measure-jobs.js';
import type { AttemptStatistics } from '../../shared/jobs/measure-history.js';
import type { ApiContext, ZodServer } from '../context.js';
import { answers } from '../openapi.js';
import { metricsAnswer } from '../schemas/observe.js';

/** People expect what they just did to be seen; what measuring costs still bounds how often it is done. */
const AGE_MS = 100;

export function addMetricsRoutes(app: ZodServer, { measurer, metrics }: ApiContext): void {
  const schema = {
    tags: ['operation'],
    operationId: 'readMetrics',
    summary: 'Queues, workers, throughput and failures in numbers',
    response: answers({ 200: metricsAnswer }, 503),
  };
  app.get('/api/jobs/metrics', { schema, config: { role: 'viewer' } }, async () => ({
    success: true,
    metrics: describeMeasures(await measurer.read(AGE_MS)),
  }));

  const forPrometheus = {
    tags: ['operation'],
    operationId: 'scrape',
    summary: 'Metrics for Prometheus',
    response: {
      200: { description: 'In the text format.', content: { 'text/plain': { schema: z.string() } } },
    },
  };
  app.get('/metrics', { schema: forPrometheus, config: { role: 'viewer' } }, async (_request, reply) => {
    const text = await metrics.text();
    return reply.type(metrics.contentType).serializer(String).send(text);
  });
}

function describeMeasures(measures: JobMeasures) {
  const { depths, isExact, oldestReady, workers, throughput, attempts, measuredAt } = measures;
  const { windowSeconds, statistics } = attempts;
  const overall = statistics.find(({ jobType }) => jobType === null);
  const types = statistics.flatMap((one) => (one.jobType === null ? [] : { ...one, jobType: one.jobType }));
  return {
    queue_depths: depths,
    queue_depths_are_exact: isExact,
    oldest_ready_seconds: Object.fromEntries(oldestReady.map(({ queue, seconds }) => [queue, seconds])),
    worker_health: workers.map(describeWorker),
    statistics: {
      window_seconds: windowSeconds,
      ...describeAttempts(overall),
      by_job_type: types.map((one) => ({ job_type: one.jobType, ...describeAttempts(one) })),
    },
    throughput: {
      last_hour: throughput.lastHour,
      last_24h: throughput.last24h,
      is_exact: throughput.isExact,
    },
    error_rates: {
      overall: failureRate(overall),
      by_job_type: Object.fromEntries(types.map((one) => [one.jobType, failureRate(one)])),
    },
    timestamp: measuredAt,
  };
}

const describeWorker = (worker: JobMeasures['workers'][number]) => ({
  worker_id: worker.workerId,
  status: worker.status,
  hostname: worker.hostname,
  pid: worker.pid,
  version: worker.version,
  queues: worker.queues,
  concurrency: worker.concurrency,
  running: worker.running,
  started_at: worker.startedAt,
  last_seen_at: worker.lastSeenAt,
  dead_at: worker.deadAt,
});

const describeAttempts = (statistics: AttemptStatistics | undefined) => ({
  attempts: statistics?.attempts ?? 0,
  average_duration_ms: statistics?.averageMs ?? null,
  p95_duration_ms: statistics?.p95Ms ?? null,
});

function failureRate(statistics: AttemptStatistics | undefined): number {
  return statistics && statistics.attempts > 0 ? statistics.failures / statistics.attempts : 0;
}
