import { HoldfastError } from '../../shared/errors.js';
import { cancelJob } from '../../shared/jobs/cancel-job.js';
import { listJobs } from '../../shared/jobs/list-jobs.js';
import { retryJob } from '../../shared/jobs/retry-job.js';
import { callerName } from '../auth/caller.js';
import type { ApiContext, ZodServer } from '../context.js';
import { answers } from '../openapi.js';
import { jobParams } from '../schemas/common.js';
import {
  actionAnswer,
  cancelQuery,
  DEFAULT_LIMIT,
  jobAnswer,
  listAnswer,
  listQuery,
  SORTS,
} from '../schemas/jobs.js';

export function addJobRoutes(app: ZodServer, context: ApiContext): void {
  addListRoute(app, context);
  addReadRoute(app, context);
  addCancelRoute(app, context);
  addRetryRoute(app, context);
}

function addListRoute(app: ZodServer, { installation }: ApiContext): void {
  const schema = {
    tags: ['jobs'],
    operationId: 'listJobs',
    summary: 'List jobs, newest first',
    querystring: listQuery,
    response: answers({ 200: listAnswer }, 400, 503, 504),
  };
  app.get('/api/jobs', { schema, config: { role: 'viewer' } }, async (request) => {
    const {
      status,
      job_type: jobType,
      queue,
      created_by: createdBy,
      tag,
      cursor,
      sort = '-created_at',
      limit = DEFAULT_LIMIT,
      offset = 0,
    } = request.query;
    const filter = { status, jobType, queue, createdBy, tag };
    const page = await listJobs(installation.db, { filter, order: SORTS[sort], cursor, limit, offset });
    const { jobs, total, isTotalExact, hasMore, nextCursor } = page;
    return {
      success: true,
      jobs,
      pagination: {
        limit,
        offset,
        total,
        total_is_exact: isTotalExact,
        has_more: hasMore,
        next_cursor: nextCursor,
      },
    };
  });
}

function addReadRoute(app: ZodServer, { reader }: ApiContext): void {
  const schema = {
    tags: ['jobs'],
    operationId: 'readJob',
    summary: 'A job with its attempts, its neighbours and the reason of its state',
    params: jobParams,
    response: answers({ 200: jobAnswer }, 400, 404, 503),
  };
  app.get('/api/jobs/:id', { schema, config: { role: 'viewer' } }, async ({ params: { id } }) => {
    const job = await reader.read(id);
    if (!job) throw new HoldfastError('not_found', `there is no job ${id}`);
    return { success: true, job };
  });
}

function addCancelRoute(app: ZodServer, { installation }: ApiContext): void {
  const schema = {
    tags: ['jobs'],
    operationId: 'cancelJob',
    summary: 'Cancel a job',
    description: 'A handler that runs is told to stop within a second.',
    params: jobParams,
    querystring: cancelQuery,
    response: answers({ 200: actionAnswer }, 400, 404, 409, 503),
  };
  app.delete('/api/jobs/:id', { schema, config: { role: 'operator' } }, async ({ params: { id }, query }) => {
    await cancelJob(installation, id, query.reason);
    return { success: true, message: `job ${id} is cancelled`, job_id: id };
  });
}

function addRetryRoute(app: ZodServer, { installation }: ApiContext): void {
  const schema = {
    tags: ['jobs'],
    operationId: 'retryJob',
    summary: 'Run a failed or cancelled job again',
    description: 'Its retries are counted anew; an open dead letter of it is closed as replayed.',
    params: jobParams,
    response: answers({ 200: actionAnswer }, 400, 404, 409, 503),
  };
  app.post('/api/jobs/:id/retry', { schema, config: { role: 'operator' } }, async (request) => {
    const { id } = request.params;
    await retryJob(installation, id, callerName(request));
    return { success: true, message: `job ${id} is pending again`, job_id: id };
  });
}
