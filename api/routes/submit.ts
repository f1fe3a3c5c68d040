import type { Installation } from '../../shared/installation.js';
import type { JobStatus } from '../../shared/jobs/job-state.js';
import type { NewJob, SubmittedJob } from '../../shared/jobs/new-job.js';
import { readJobOutcome } from '../../shared/jobs/read-job.js';
import { submitJobs } from '../../shared/jobs/submit-jobs.js';
import { callerName } from '../auth/caller.js';
import { scopeKey } from '../auth/scope-key.js';
import type { ApiContext, ZodServer } from '../context.js';
import { nameMissingParents, toDependencies } from '../dependencies.js';
import { invalidField } from '../errors.js';
import { answers } from '../openapi.js';
import { refuseRepeated } from '../refuse-repeated.js';
import {
  batchAnswer,
  batchBody,
  submitAnswer,
  submitBody,
  submitHeaders,
  type BatchItem,
} from '../schemas/submit.js';

export function addSubmitRoutes(app: ZodServer, context: ApiContext): void {
  addSingleRoute(app, context);
  addBatchRoute(app, context);
}

function addSingleRoute(app: ZodServer, { installation, coalescer }: ApiContext): void {
  app.post(
    '/api/jobs',
    {
      config: { role: 'submitter' },
      schema: {
        tags: ['jobs'],
        operationId: 'submitJob',
        summary: 'Submit a job',
        description: 'After a 201 the job is committed. 200: a job with the same key was there already.',
        headers: submitHeaders,
        body: submitBody,
        response: answers({ 201: submitAnswer, 200: submitAnswer }, 400, 409, 413, 415, 503),
      },
    },
    async (request, reply) => {
      refuseRepeated(request, 'Idempotency-Key');
      const key = scopeKey(request, request.headers['idempotency-key']);
      const job = toNewJob(request.body, key, callerName(request));
      const submitted = await coalescer.submit(job).catch(async (error: unknown) => {
        throw await nameMissingParents(installation.db, [{ prefix: '', ...request.body }], error);
      });
      const status = await readStatus(installation, job, submitted);
      return reply.code(submitted.isExisting ? 200 : 201).send({
        success: true,
        job_id: submitted.id,
        status,
        created_at: submitted.createdAt,
        is_existing: submitted.isExisting,
        was_replaced: submitted.wasReplaced,
      });
    },
  );
}

function addBatchRoute(app: ZodServer, { installation, batchBodyLimit }: ApiContext): void {
  app.post(
    '/api/jobs/batch',
    {
      config: { role: 'submitter' },
      bodyLimit: batchBodyLimit,
      schema: {
        tags: ['jobs'],
        operationId: 'submitJobs',
        summary: 'Submit 1 to 10,000 jobs: all or none',
        body: batchBody,
        response: answers({ 201: batchAnswer }, 400, 409, 413, 415, 503),
      },
    },
    async (request, reply) => {
      refuseHeader(request.headers['idempotency-key']);
      const { jobs } = request.body;
      const submitted = await submitJobs(
        installation,
        jobs.map((job) =>
          toNewJob(job, scopeKey(request, job.idempotency_key ?? undefined), callerName(request)),
        ),
      ).catch(async (error: unknown) => {
        const named = jobs.map((job, index) => ({ prefix: `jobs.${index}.`, ...job }));
        throw await nameMissingParents(installation.db, named, error);
      });
      return reply.code(201).send(toBatchAnswer(submitted));
    },
  );
}

/** One key for many jobs would say nothing of each; overlooked, a repeated request would submit all of them again. */
function refuseHeader(key: unknown): void {
  if (key === undefined) return;
  throw invalidField(
    'Idempotency-Key',
    'belongs to a single job: in a batch each job has its own idempotency_key',
  );
}

/**
 * Whoever submits it is its author, unless they name another. What is null becomes what is left out: the same request must have
 * the same hash.
 */
function toNewJob(body: BatchItem, idempotencyKey: string | undefined, caller: string | null): NewJob {
  return {
    jobType: body.job_type,
    payload: body.payload,
    queue: body.queue ?? undefined,
    priority: body.priority ?? undefined,
    maxRetries: body.max_retries ?? undefined,
    timeoutMs: body.timeout_ms ?? undefined,
    scheduledAt: body.scheduled_at ? new Date(body.scheduled_at) : undefined,
    delayMs: body.delay_ms ?? undefined,
    dependsOn: body.depends_on ? toDependencies(body.depends_on) : undefined,
    metadata: body.metadata ?? undefined,
    tags: body.tags ?? undefined,
    createdBy: body.created_by ?? caller ?? undefined,
    uniqueKey: body.unique_key ?? undefined,
    uniquePolicy: body.unique_policy ?? undefined,
    idempotencyKey,
  };
}

const toBatchAnswer = (submitted: readonly SubmittedJob[]) => ({
  success: true as const,
  job_ids: submitted.map(({ id }) => id),
  existing: submitted.filter(({ isExisting }) => isExisting).length,
});

/** A new job is pending; one that was there already, or whose parents have failed, may be anything. */
async function readStatus(
  { db }: Installation,
  job: NewJob,
  { id, isExisting }: SubmittedJob,
): Promise<JobStatus> {
  if (!isExisting && job.dependsOn === undefined) return 'pending';
  const outcome = await readJobOutcome(db, id).catch(() => null);
  return outcome?.status ?? 'pending';
}
