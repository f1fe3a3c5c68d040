import type { Installation } from '../../shared/installation.js';
import { readHealth } from '../../shared/jobs/read-health.js';
import { packageVersion } from '../../shared/package-root.js';
import type { ApiContext, ZodServer } from '../context.js';
import { RETRY_AFTER_SECONDS } from '../errors.js';
import { answers } from '../openapi.js';
import { healthAnswer, probeAnswer } from '../schemas/observe.js';

/** Whoever asks gives up soon; what has not answered by then counts as away. */
const PATIENCE_MS = 2_000;

export function addHealthRoutes(app: ZodServer, { installation }: ApiContext): void {
  const health = {
    tags: ['operation'],
    operationId: 'readHealth',
    summary: 'How each component is',
    description: '503 only when PostgreSQL is away: without the others, jobs are still accepted.',
    response: answers({ 200: healthAnswer, 503: healthAnswer }),
  };
  app.get('/health', { schema: health, config: { role: 'public' } }, async (_request, reply) => {
    const answer = await checkHealth(installation);
    if (answer.status === 'unavailable') void reply.code(503).header('retry-after', RETRY_AFTER_SECONDS);
    return reply.send(answer);
  });

  const live = {
    tags: ['operation'],
    operationId: 'probeLive',
    summary: 'The process answers',
    response: answers({ 200: probeAnswer }),
  };
  app.get('/health/live', { schema: live, config: { role: 'public' } }, async () => ({ status: 'ok' }));

  const ready = {
    tags: ['operation'],
    operationId: 'probeReady',
    summary: 'The process can accept jobs',
    response: answers({ 200: probeAnswer, 503: probeAnswer }),
  };
  app.get('/health/ready', { schema: ready, config: { role: 'public' } }, async (_request, reply) => {
    const isReady = (await ask(() => readHealth(installation.db))) !== undefined;
    if (!isReady) void reply.code(503).header('retry-after', RETRY_AFTER_SECONDS);
    return reply.send({ status: isReady ? 'ok' : 'unavailable' });
  });
}

async function checkHealth({ db, lanes }: Installation) {
  const [engine, redis] = await Promise.all([
    ask(() => readHealth(db)),
    lanes ? ask(async () => (await lanes.isAnswering()) || undefined) : null,
  ]);
  const components = {
    postgres: engine ? { status: 'ok', latency_ms: engine.tookMs } : { status: 'unavailable' },
    redis: describeRedis(redis),
    coordinator: engine
      ? { status: engine.answer.hasLeader ? 'ok' : 'none', term: engine.answer.term }
      : { status: 'unknown' },
    workers: engine
      ? { status: engine.answer.workersAlive > 0 ? 'ok' : 'none', alive: engine.answer.workersAlive }
      : { status: 'unknown' },
  };
  const isWhole = Object.values(components).every(
    ({ status }) => status === 'ok' || status === 'not_configured',
  );
  return {
    status: !engine ? 'unavailable' : isWhole ? 'ok' : 'degraded',
    version: packageVersion,
    uptime_seconds: Math.round(process.uptime()),
    components,
    timestamp: new Date(),
  };
}

interface Asked<T> {
  readonly answer: T;
  readonly tookMs: number;
}

function describeRedis(redis: Asked<unknown> | undefined | null) {
  if (redis === null) return { status: 'not_configured' };
  return redis ? { status: 'ok', latency_ms: redis.tookMs } : { status: 'unavailable' };
}

/** Undefined: it failed, or did not answer in time. */
async function ask<T>(question: () => Promise<T | undefined>): Promise<Asked<T> | undefined> {
  const askedAt = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), PATIENCE_MS);
  });
  const answer = await Promise.race([question().catch(() => undefined), tooLate]);
  clearTimeout(timer);
  if (answer === undefined) return undefined;
  return { answer, tookMs: Math.round((performance.now() - askedAt) * 10) / 10 };
}
