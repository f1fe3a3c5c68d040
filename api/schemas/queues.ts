import { z } from 'zod';
import { namePagination, queueName, success, text, time, wholeNumber } from './common.js';

export const DEFAULT_LIMIT = 50;

export const queueParams = z.strictObject({ name: queueName });

export const queuesQuery = z.strictObject({
  limit: wholeNumber(1, 1_000, DEFAULT_LIMIT),
  cursor: queueName.optional().meta({ description: 'The `next_cursor` of the page before: a queue’s name.' }),
});

/** No body at all will do. */
export const pauseBody = z
  .strictObject({
    reason: text(1_000).optional().meta({ description: 'Kept with the queue until it goes on.' }),
  })
  .nullish()
  .meta({ id: 'PauseQueue', examples: [{ reason: 'the mail provider is down' }] });

const queue = z
  .object({
    name: z.string(),
    paused_at: time.nullable().meta({ description: 'Null: it is not paused.' }),
    paused_by: z.string().nullable(),
    pause_reason: z.string().nullable(),
    depths: z.object({
      ready: z.int().meta({ description: 'They could run now.' }),
      paused: z
        .int()
        .meta({ description: 'Of a paused queue, those that would be ready: they run when it goes on.' }),
      scheduled: z.int(),
      blocked: z.int(),
      running: z.int(),
    }),
    is_exact: z.boolean().meta({ description: 'False: there are so many that some depths are estimates.' }),
    oldest_ready_seconds: z.number().nullable().meta({ description: 'Null: nothing is ready.' }),
    throughput: z
      .object({ last_minute: z.int(), last_hour: z.int(), is_exact: z.boolean() })
      .meta({ description: 'Jobs completed; up to some seconds old.' }),
    workers: z.int().meta({ description: 'Workers alive that serve it.' }),
  })
  .meta({ id: 'Queue' });

export const queueAnswer = z.object({ success, queue });

export const queuesAnswer = z.object({
  success,
  queues: z.array(queue),
  pagination: namePagination,
});

export const queueActionAnswer = z.object({ success, message: z.string(), queue });
