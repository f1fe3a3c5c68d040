import type { Env } from './env-schema.js';
import { toPostgresUrl, toRedisAddress } from './addresses.js';

/** What the processes are given: settings in the shape their parts take them. Holds secrets: never log it whole. */
export type Config = ReturnType<typeof toConfig>;

export function toConfig(env: Env) {
  return {
    postgres: {
      connectionString: toPostgresUrl(env),
      ...(env.DATABASE_DIRECT_URL === undefined ? {} : { directConnectionString: env.DATABASE_DIRECT_URL }),
      schema: env.DATABASE_SCHEMA,
      poolSize: env.DATABASE_POOL_SIZE,
    },
    /** Null: PostgreSQL-only dispatch. */
    redis: toRedisAddress(env),
    redisPrefix: env.REDIS_QUEUE_PREFIX,
    /** For commands that ask an API. */
    client: { apiUrl: env.HOLDFAST_API_URL, apiKey: env.HOLDFAST_API_KEY },
    api: {
      host: env.API_HOST,
      port: env.API_PORT,
      bodyLimit: env.API_BODY_LIMIT,
      auth: env.API_AUTH,
      /** Null: none. */
      rateLimit: env.API_RATE_LIMIT,
    },
    /** Port null: none. */
    metrics: { host: env.METRICS_HOST, port: env.METRICS_PORT },
    log: { level: env.LOG_LEVEL, format: env.LOG_FORMAT },
    worker: toWorkerSettings(env),
    handlerModules: env.WORKER_HANDLERS ?? [],
    builtInJobs: toBuiltInJobSettings(env),
    coordinator: { isEnabled: env.COORDINATOR_ENABLED, retentionMs: env.JOB_RETENTION },
    /** For jobs that do not say. */
    jobDefaults: {
      timeoutMs: env.JOB_DEFAULT_TIMEOUT,
      maxRetries: env.JOB_MAX_RETRIES,
      maxPayloadBytes: env.JOB_MAX_PAYLOAD_BYTES,
    },
  } as const;
}

function toWorkerSettings(env: Env) {
  return {
    queues: env.WORKER_QUEUES,
    concurrency: env.WORKER_CONCURRENCY,
    pollIntervalMs: env.WORKER_POLL_INTERVAL,
    heartbeatIntervalMs: env.WORKER_HEARTBEAT_INTERVAL,
    deadAfterMs: env.WORKER_DEAD_AFTER,
    shutdownTimeoutMs: env.WORKER_SHUTDOWN_TIMEOUT,
    maxUnsettled: env.WORKER_MAX_UNSETTLED,
    maxResultBytes: env.JOB_MAX_RESULT_BYTES,
    isDeadLetterEnabled: env.JOB_DLQ_ENABLED,
    retryPolicy: {
      maxRetries: env.JOB_MAX_RETRIES,
      baseDelayMs: env.JOB_RETRY_DELAY_BASE,
      multiplier: env.JOB_RETRY_BACKOFF_MULTIPLIER,
      maxDelayMs: env.JOB_RETRY_DELAY_MAX,
    },
  } as const;
}

function toBuiltInJobSettings(env: Env) {
  return {
    email: {
      url: env.SMTP_URL,
      host: env.SMTP_HOST,
      port: env.SMTP_PORT ?? (env.SMTP_SECURE ? 465 : 587),
      user: env.SMTP_USER,
      password: env.SMTP_PASSWORD,
      secure: env.SMTP_SECURE,
      requireTls: env.SMTP_REQUIRE_TLS,
      from: env.SMTP_FROM,
      connectionTimeoutMs: env.SMTP_CONNECTION_TIMEOUT,
      socketTimeoutMs: env.SMTP_SOCKET_TIMEOUT,
      maxConnections: env.SMTP_MAX_CONNECTIONS,
    },
    data: {
      allowedDirectory: env.HANDLER_DATA_DIR,
      maxBytes: env.HANDLER_MAX_BYTES,
      idleTimeoutMs: env.HANDLER_IDLE_TIMEOUT,
    },
    http: { maxResponseBytes: env.HTTP_MAX_RESPONSE_BYTES },
    network: {
      allowPrivateNetworks: env.HTTP_ALLOW_PRIVATE,
      allowedHosts: env.HTTP_ALLOWED_HOSTS,
      connectTimeoutMs: env.HTTP_CONNECT_TIMEOUT,
    },
  } as const;
}
