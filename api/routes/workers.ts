import { HoldfastError } from '../../shared/errors.js';
import { readWorker, readWorkers, type WorkerReading } from '../../shared/workers/read-workers.js';
import type { ApiContext, ZodServer } from '../context.js';
import { answers } from '../openapi.js';
import {
  DEFAULT_LIMIT,
  workerAnswer,
  workerParams,
  workersAnswer,
  workersQuery,
} from '../schemas/workers.js';

export function addWorkerRoutes(app: ZodServer, { installation }: ApiContext): void {
  const list = {
    tags: ['workers'],
    operationId: 'listWorkers',
    summary: 'List workers with what each runs',
    description: 'Those that are there first, the newest first; those that are gone are known for a day.',
    querystring: workersQuery,
    response: answers({ 200: workersAnswer }, 400, 503),
  };
  app.get('/api/workers', { schema: list, config: { role: 'viewer' } }, async ({ query }) => {
    const { status, cursor, limit = DEFAULT_LIMIT } = query;
    const { workers, hasMore } = await readWorkers(installation.db, { status, cursor, limit });
    const nextCursor = hasMore ? (workers.at(-1)?.workerId ?? null) : null;
    return {
      success: true,
      workers: workers.map(toAnswer),
      pagination: { limit, has_more: hasMore, next_cursor: nextCursor },
    };
  });

  const read = {
    tags: ['workers'],
    operationId: 'readWorker',
    summary: 'A worker with all that it runs',
    params: workerParams,
    response: answers({ 200: workerAnswer }, 400, 404, 503),
  };
  app.get('/api/workers/:id', { schema: read, config: { role: 'viewer' } }, async ({ params: { id } }) => {
    const worker = await readWorker(installation.db, id);
    if (!worker) throw new HoldfastError('not_found', `there is no worker ${id}`);
    return { success: true, worker: toAnswer(worker) };
  });
}

const toAnswer = (worker: WorkerReading) => ({
  worker_id: worker.workerId,
  status: worker.status,
  hostname: worker.hostname,
  pid: worker.pid,
  version: worker.version,
  queues: worker.queues,
  job_types: worker.jobTypes,
  concurrency: worker.concurrency,
  started_at: worker.startedAt,
  last_seen_at: worker.lastSeenAt,
  dead_at: worker.deadAt,
  stopped_at: worker.stoppedAt,
  running: worker.running.map(({ jobId, jobType, queue, attempt, startedAt }) => ({
    job_id: jobId,
    job_type: jobType,
    queue,
    attempt,
    started_at: startedAt,
  })),
  running_count: worker.runningCount,
});
