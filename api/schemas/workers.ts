import { z } from 'zod';
import { MOST_RUNNING_LISTED, WORKER_STATUSES } from '../../shared/workers/read-workers.js';
import { jobId, listFilter, namePagination, success, text, time, wholeNumber } from './common.js';

export const DEFAULT_LIMIT = 50;

export const workerParams = z.strictObject({ id: text(255) });

const status = z.enum(WORKER_STATUSES).meta({
  description: 'silent: its heartbeat is overdue. dead: declared so. stopped: it left in good order.',
});

export const workersQuery = z.strictObject({
  status: listFilter(status),
  limit: wholeNumber(1, 1_000, DEFAULT_LIMIT),
  cursor: text(255).optional().meta({ description: 'The `next_cursor` of the page before: a worker’s id.' }),
});

const runningJob = z
  .object({ job_id: jobId, job_type: z.string(), queue: z.string(), attempt: z.int(), started_at: time })
  .meta({ id: 'RunningJob' });

const worker = z
  .object({
    worker_id: z.string(),
    status,
    hostname: z.string(),
    pid: z.int(),
    version: z.string(),
    queues: z.array(z.string()),
    job_types: z.array(z.string()),
    concurrency: z.int().meta({ description: 'Jobs that it may run at once, over all its queues.' }),
    started_at: time,
    last_seen_at: time.meta({ description: 'Its last heartbeat.' }),
    dead_at: time.nullable(),
    stopped_at: time.nullable(),
    running: z.array(runningJob).meta({
      description: `What it runs, the longest first; in a list, ${MOST_RUNNING_LISTED} jobs at most.`,
    }),
    running_count: z.int(),
  })
  .meta({ id: 'Worker' });

export const workerAnswer = z.object({ success, worker });

export const workersAnswer = z.object({
  success,
  workers: z.array(worker),
  pagination: namePagination,
});
