import { HoldfastError } from '../../shared/errors.js';
import { measureThroughput } from '../../shared/queues/measure-throughput.js';
import { pauseQueue } from '../../shared/queues/pause-queue.js';
import {
  readQueue,
  readQueues,
  type QueueReading,
  type ThroughputSource,
} from '../../shared/queues/read-queues.js';
import { resumeQueue } from '../../shared/queues/resume-queue.js';
import { createRestedMeasure } from '../../shared/rested-measure.js';
import { callerName } from '../auth/caller.js';
import type { ApiContext, ZodServer } from '../context.js';
import { answers } from '../openapi.js';
import {
  DEFAULT_LIMIT,
  pauseBody,
  queueActionAnswer,
  queueAnswer,
  queueParams,
  queuesAnswer,
  queuesQuery,
} from '../schemas/queues.js';

export function addQueueRoutes(app: ZodServer, context: ApiContext): void {
  const { installation } = context;
  const measure = createRestedMeasure(() => measureThroughput(installation.db));
  const readThroughput: ThroughputSource = () => measure.read();
  const read = async (name: string) => {
    const queue = await readQueue(installation.db, name, readThroughput);
    if (!queue) throw new HoldfastError('not_found', `there is no queue ${name}`);
    return toAnswer(queue);
  };
  addListRoute(app, context, readThroughput);
  addReadRoute(app, read);
  addPauseRoute(app, context, read);
  addResumeRoute(app, context, read);
}

type ReadQueue = (name: string) => Promise<ReturnType<typeof toAnswer>>;

function addListRoute(app: ZodServer, { installation }: ApiContext, readThroughput: ThroughputSource): void {
  const schema = {
    tags: ['queues'],
    operationId: 'listQueues',
    summary: 'List queues, by name',
    querystring: queuesQuery,
    response: answers({ 200: queuesAnswer }, 400, 503),
  };
  app.get('/api/queues', { schema, config: { role: 'viewer' } }, async ({ query }) => {
    const { limit = DEFAULT_LIMIT, cursor } = query;
    const { queues, hasMore } = await readQueues(installation.db, { after: cursor, limit }, readThroughput);
    return {
      success: true,
      queues: queues.map(toAnswer),
      pagination: { limit, has_more: hasMore, next_cursor: hasMore ? (queues.at(-1)?.name ?? null) : null },
    };
  });
}

function addReadRoute(app: ZodServer, read: ReadQueue): void {
  const schema = {
    tags: ['queues'],
    operationId: 'readQueue',
    summary: 'How a queue is doing',
    params: queueParams,
    response: answers({ 200: queueAnswer }, 400, 404, 503),
  };
  app.get('/api/queues/:name', { schema, config: { role: 'viewer' } }, async ({ params: { name } }) => {
    return { success: true, queue: await read(name) };
  });
}

function addPauseRoute(app: ZodServer, { installation }: ApiContext, read: ReadQueue): void {
  const schema = {
    tags: ['queues'],
    operationId: 'pauseQueue',
    summary: 'Start no more jobs of a queue',
    description:
      'Running jobs finish; ready and due ones wait, and so do those submitted from now on. The queue need not be in use yet.',
    params: queueParams,
    body: pauseBody,
    response: answers({ 200: queueActionAnswer }, 400, 409, 413, 415, 503),
  };
  app.post('/api/queues/:name/pause', { schema, config: { role: 'operator' } }, async (request) => {
    const { name } = request.params;
    const isNew = await pauseQueue(installation, name, {
      by: callerName(request),
      reason: request.body?.reason,
    });
    const message = isNew ? `queue ${name} is paused` : `queue ${name} was paused already`;
    return { success: true, message, queue: await read(name) };
  });
}

function addResumeRoute(app: ZodServer, { installation }: ApiContext, read: ReadQueue): void {
  const schema = {
    tags: ['queues'],
    operationId: 'resumeQueue',
    summary: 'Let a paused queue go on',
    description: 'What became ready meanwhile runs at once.',
    params: queueParams,
    response: answers({ 200: queueActionAnswer }, 400, 404, 409, 503),
  };
  app.post('/api/queues/:name/resume', { schema, config: { role: 'operator' } }, async (request) => {
    const { name } = request.params;
    const isResumed = await resumeQueue(installation, name, { by: callerName(request) });
    const message = isResumed ? `queue ${name} goes on` : `queue ${name} was not paused`;
    return { success: true, message, queue: await read(name) };
  });
}

const toAnswer = (queue: QueueReading) => ({
  name: queue.name,
  paused_at: queue.pausedAt,
  paused_by: queue.pausedBy,
  pause_reason: queue.pauseReason,
  depths: queue.depths,
  is_exact: queue.isExact,
  oldest_ready_seconds: queue.oldestReadySeconds,
  throughput: {
    last_minute: queue.throughput.lastMinute,
    last_hour: queue.throughput.lastHour,
    is_exact: queue.throughput.isExact,
  },
  workers: queue.workers,
});
