import { cancelMany } from '../../shared/jobs/cancel-many.js';
import type { BulkChange } from '../../shared/jobs/change-many.js';
import type { JobChoice } from '../../shared/jobs/job-choice.js';
import { retryMany } from '../../shared/jobs/retry-many.js';
import { callerName } from '../auth/caller.js';
import type { ApiContext, ZodServer } from '../context.js';
import { answers } from '../openapi.js';
import { cancelManyBody, manyAnswer, retryManyBody } from '../schemas/many-jobs.js';

export function addManyJobsRoutes(app: ZodServer, { installation }: ApiContext): void {
  const retry = {
    tags: ['jobs'],
    operationId: 'retryJobs',
    summary: 'Run failed and cancelled jobs again, by filter',
    description:
      'Oldest first, each as by itself. Left out are jobs whose unique key an unfinished job has. In short transactions: what is done stays done, also when a later one fails.',
    body: retryManyBody,
    response: answers({ 200: manyAnswer }, 400, 409, 413, 415, 503),
  };
  app.post('/api/jobs/retry', { schema: retry, config: { role: 'operator' } }, async (request) => {
    const { filter, limit, dry_run: isDryRun = false } = request.body;
    const choice = { ...toChoice(filter), status: filter.status };
    const options = { limit, isDryRun, by: callerName(request) };
    return toAnswer(await retryMany(installation, choice, options), isDryRun);
  });

  const cancel = {
    tags: ['jobs'],
    operationId: 'cancelJobs',
    summary: 'Cancel pending and running jobs, by filter',
    description:
      'Each as by itself: handlers that run are told to stop within a second, dependents get what their policy says. In short transactions: what is done stays done, also when a later one fails.',
    body: cancelManyBody,
    response: answers({ 200: manyAnswer }, 400, 409, 413, 415, 503),
  };
  app.post('/api/jobs/cancel', { schema: cancel, config: { role: 'operator' } }, async ({ body }) => {
    const { filter, limit, reason, dry_run: isDryRun = false } = body;
    const choice = { ...toChoice(filter), status: filter.status };
    return toAnswer(await cancelMany(installation, choice, { limit, isDryRun, reason }), isDryRun);
  });
}

interface Filter {
  readonly ids?: readonly number[] | undefined;
  readonly queue?: string | undefined;
  readonly job_type?: string | undefined;
  readonly error_class?: string | undefined;
  readonly tag?: string | undefined;
  readonly created_by?: string | undefined;
}

const toChoice = (filter: Filter): Omit<JobChoice, 'status'> => ({
  ids: filter.ids,
  queue: filter.queue,
  jobType: filter.job_type,
  errorClass: filter.error_class,
  tag: filter.tag,
  createdBy: filter.created_by,
});

const toAnswer = ({ count, hasMore }: BulkChange, isDryRun: boolean) => ({
  success: true,
  count,
  dry_run: isDryRun,
  has_more: hasMore,
});
