import type { Installation } from '../../shared/installation.js';
import type { JobStatus } from '../../shared/jobs/job-state.js';
import type { NewJob, SubmittedJob } from '../../shared/jobs/new-job.js';
import { readJobOutcome } from '../../shared/jobs/read-job.js';
import { submitJobs } from '../../shared/jobs/submit-jobs.js';
import type { ApiContext, ZodServer } from '../context.js';
import { nameMissingParents } from '../missing-parents.js';
import { answers } from '../openapi.js';
import {
  batchAnswer,
  batchBody,
  submitAnswer,
  submitBody,
  submitHeaders,
  type BatchItem,
} from '../schemas/submit.js';

export function addSubmitRoutes(app: ZodServer, context: ApiContext): void {
  const { installation, coalescer, batchBodyLimit } = context;

  app.post(
    '/api/jobs',
    {
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
      const job = toNewJob(request.body, request.headers['idempotency-key']);
      const submitted = await coalescer.submit(job).catch(async (error: unknown) => {
        throw await nameMissingParents(installation.db, [{ prefix: '', ...request.body }], error);
      });
      const status = await readStatus(installation, job, submitted);
      return reply.code(submitted.isExisting ? 200 : 201).send({
        success: true,
        job_id: submitted.id,
        status,
        created_at: submitted.createdAt,
      });
    },
  );

  app.post(
    '/api/jobs/batch',
    {
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
      const { jobs } = request.body;
      const submitted = await submitJobs(
        installation,
        jobs.map((job) => toNewJob(job, job.idempotency_key)),
      ).catch(async (error: unknown) => {
        const named = jobs.map((job, index) => ({ prefix: `jobs.${index}.`, ...job }));
        throw await nameMissingParents(installation.db, named, error);
      });
      return reply.code(201).send({ success: true, job_ids: submitted.map(({ id }) => id) });
    },
  );
}

function toNewJob(body: BatchItem, idempotencyKey: string | undefined): NewJob {
  return {
    jobType: body.job_type,
    payload: body.payload,
    queue: body.queue,
    priority: body.priority,
    maxRetries: body.max_retries,
    timeoutMs: body.timeout_ms,
    scheduledAt: body.scheduled_at === undefined ? undefined : new Date(body.scheduled_at),
    delayMs: body.delay_ms,
    dependsOn: body.depends_on?.map((one) =>
      typeof one === 'number'
        ? { jobId: one }
        : { jobId: one.job_id, ...(one.on_failure ? { onFailure: one.on_failure } : {}) },
    ),
    metadata: body.metadata,
    tags: body.tags,
    createdBy: body.created_by,
    uniqueKey: body.unique_key,
    idempotencyKey,
  };
}

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
