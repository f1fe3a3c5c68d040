import { z } from 'zod';
import { success, time } from './common.js';

const count = z.int().min(0);
const milliseconds = z.number().nullable();

const workerHealth = z
  .object({
    worker_id: z.string(),
    status: z.enum(['alive', 'silent', 'dead']),
    hostname: z.string(),
    pid: z.int(),
    version: z.string(),
    queues: z.array(z.string()),
    concurrency: z.int(),
    running: count,
    started_at: time,
    last_seen_at: time,
    dead_at: time.nullable(),
  })
  .meta({ id: 'WorkerHealth' });

const statistics = {
  attempts: count,
  average_duration_ms: milliseconds,
  p95_duration_ms: milliseconds,
};

export const metricsAnswer = z.object({
  success,
  metrics: z
    .object({
      queue_depths: z.object({
        pending: count.meta({ description: 'Ready, or ready but for a paused queue.' }),
        processing: count,
        scheduled: count,
        blocked: count,
        failed: count,
        dlq: count.meta({ description: 'Open dead letters.' }),
      }),
      queue_depths_are_exact: z.boolean(),
      oldest_ready_seconds: z.record(z.string(), z.number()).meta({ description: 'By queue.' }),
      worker_health: z.array(workerHealth),
      statistics: z.object({
        window_seconds: z.int().meta({
          description: 'How far back it goes: an hour, or less when more than 10,000 attempts ended in it.',
        }),
        ...statistics,
        by_job_type: z.array(z.object({ job_type: z.string(), ...statistics })),
      }),
      throughput: z
        .object({ last_hour: count, last_24h: count, is_exact: z.boolean() })
        .meta({ description: 'Jobs completed.' }),
      error_rates: z
        .object({ overall: z.number(), by_job_type: z.record(z.string(), z.number()) })
        .meta({ description: 'Failed attempts among those that `statistics` looks at, 0 to 1.' }),
      timestamp: time,
    })
    .meta({ id: 'Metrics' }),
});

const part = (status: [string, ...string[]], more: z.ZodRawShape = {}) =>
  z.object({ status: z.enum(status), ...more });

export const healthAnswer = z
  .object({
    status: z.enum(['ok', 'degraded', 'unavailable']),
    version: z.string(),
    uptime_seconds: z.number(),
    components: z.object({
      postgres: part(['ok', 'unavailable'], { latency_ms: z.number().optional() }),
      redis: part(['ok', 'unavailable', 'not_configured'], { latency_ms: z.number().optional() }),
      coordinator: part(['ok', 'none', 'unknown'], { term: z.int().optional() }),
      workers: part(['ok', 'none', 'unknown'], { alive: count.optional() }),
    }),
    timestamp: time,
  })
  .meta({ id: 'Health' });

export const probeAnswer = z.object({ status: z.enum(['ok', 'unavailable']) }).meta({ id: 'Probe' });
