import { HoldfastError } from '../../shared/errors.js';
import { changeSchedule } from '../../shared/schedules/change-schedule.js';
import { createSchedule } from '../../shared/schedules/create-schedule.js';
import { deleteSchedule } from '../../shared/schedules/delete-schedule.js';
import { listSchedules } from '../../shared/schedules/list-schedules.js';
import { previewSchedule } from '../../shared/schedules/preview-schedule.js';
import { readSchedule } from '../../shared/schedules/read-schedule.js';
import { replaceSchedule } from '../../shared/schedules/replace-schedule.js';
import { runSchedule } from '../../shared/schedules/run-schedule.js';
import type { ScheduleChanges } from '../../shared/schedules/schedule.js';
import { callerName } from '../auth/caller.js';
import type { ApiContext, ZodServer } from '../context.js';
import { answers } from '../openapi.js';
import {
  changeScheduleBody,
  createScheduleBody,
  DEFAULT_COUNT,
  DEFAULT_LIMIT,
  deletedAnswer,
  listQuery,
  previewAnswer,
  previewBody,
  replaceScheduleBody,
  runAnswer,
  scheduleAnswer,
  scheduleDetailAnswer,
  scheduleListAnswer,
  scheduleParams,
  type ScheduleBody,
} from '../schemas/schedules.js';

export function addScheduleRoutes(app: ZodServer, context: ApiContext): void {
  addListRoute(app, context);
  addPreviewRoute(app, context);
  addReadRoute(app, context);
  addCreateRoute(app, context);
  addReplaceRoute(app, context);
  addChangeRoute(app, context);
  addSwitchRoute(app, context, 'enable');
  addSwitchRoute(app, context, 'disable');
  addRunRoute(app, context);
  addDeleteRoute(app, context);
}

function addListRoute(app: ZodServer, { installation }: ApiContext): void {
  const schema = {
    tags: ['schedules'],
    operationId: 'listSchedules',
    summary: 'List schedules by name',
    querystring: listQuery,
    response: answers({ 200: scheduleListAnswer }, 400, 503),
  };
  app.get('/api/schedules', { schema, config: { role: 'viewer' } }, async ({ query }) => {
    const { enabled, job_type: jobType, queue, cursor, limit = DEFAULT_LIMIT } = query;
    const page = await listSchedules(installation.db, { filter: { enabled, jobType, queue }, cursor, limit });
    const { schedules, hasMore, nextCursor } = page;
    return { success: true, schedules, pagination: { limit, has_more: hasMore, next_cursor: nextCursor } };
  });
}

function addPreviewRoute(app: ZodServer, { installation }: ApiContext): void {
  const schema = {
    tags: ['schedules'],
    operationId: 'previewSchedule',
    summary: 'When a rule would fire, were it a schedule now',
    body: previewBody,
    response: answers({ 200: previewAnswer }, 400, 413, 415, 503),
  };
  app.post('/api/schedules/preview', { schema, config: { role: 'viewer' } }, async ({ body }) => {
    const { count = DEFAULT_COUNT, ...rule } = body;
    return { success: true, ...(await previewSchedule(installation.db, toChanges(rule), count)) };
  });
}

function addReadRoute(app: ZodServer, { installation }: ApiContext): void {
  const schema = {
    tags: ['schedules'],
    operationId: 'readSchedule',
    summary: 'A schedule with its next and its last fires',
    params: scheduleParams,
    response: answers({ 200: scheduleDetailAnswer }, 400, 404, 503),
  };
  app.get('/api/schedules/:name', { schema, config: { role: 'viewer' } }, async ({ params: { name } }) => {
    const schedule = await readSchedule(installation.db, name);
    if (!schedule) throw new HoldfastError('not_found', `there is no schedule "${name}"`);
    return { success: true, schedule };
  });
}

function addCreateRoute(app: ZodServer, { installation }: ApiContext): void {
  const schema = {
    tags: ['schedules'],
    operationId: 'createSchedule',
    summary: 'Create a schedule',
    body: createScheduleBody,
    response: answers({ 201: scheduleAnswer }, 400, 409, 413, 415, 503),
  };
  app.post('/api/schedules', { schema, config: { role: 'operator' } }, async (request, reply) => {
    const { body } = request;
    const { name, job_type: jobType, created_by: createdBy = callerName(request) } = body;
    const schedule = await createSchedule(installation, { ...toChanges(body), name, jobType, createdBy });
    return reply.code(201).send({ success: true, schedule });
  });
}

function addReplaceRoute(app: ZodServer, { installation }: ApiContext): void {
  const schema = {
    tags: ['schedules'],
    operationId: 'replaceSchedule',
    summary: 'Create a schedule, or make it what is said here',
    description: 'What is left out takes its default; `enabled` stays as it is.',
    params: scheduleParams,
    body: replaceScheduleBody,
    response: answers({ 200: scheduleAnswer, 201: scheduleAnswer }, 400, 404, 409, 413, 415, 503),
  };
  app.put('/api/schedules/:name', { schema, config: { role: 'operator' } }, async (request, reply) => {
    const { body, params } = request;
    const { schedule, isNew } = await replaceSchedule(installation, {
      ...toChanges(body),
      name: params.name,
      jobType: body.job_type,
      createdBy: body.created_by ?? callerName(request),
    });
    return reply.code(isNew ? 201 : 200).send({ success: true, schedule });
  });
}

function addChangeRoute(app: ZodServer, { installation }: ApiContext): void {
  const schema = {
    tags: ['schedules'],
    operationId: 'changeSchedule',
    summary: 'Change some of a schedule',
    description:
      'What is left out stays. A cron expression takes the place of an interval, and the other way round.',
    params: scheduleParams,
    body: changeScheduleBody,
    response: answers({ 200: scheduleAnswer }, 400, 404, 409, 413, 415, 503),
  };
  app.patch(
    '/api/schedules/:name',
    { schema, config: { role: 'operator' } },
    async ({ body, params: { name } }) => {
      return { success: true, schedule: await changeSchedule(installation, name, toChanges(body)) };
    },
  );
}

function addSwitchRoute(app: ZodServer, { installation }: ApiContext, verb: 'enable' | 'disable'): void {
  const schema = {
    tags: ['schedules'],
    operationId: `${verb}Schedule`,
    summary: verb === 'enable' ? 'Let a schedule fire again' : 'Let a schedule rest',
    description:
      verb === 'enable'
        ? 'It fires next at the first time after now.'
        : 'It stays disabled until it is enabled, also when code that defines it starts again.',
    params: scheduleParams,
    response: answers({ 200: scheduleAnswer }, 400, 404, 409, 503),
  };
  const enabled = verb === 'enable';
  app.post(
    `/api/schedules/:name/${verb}`,
    { schema, config: { role: 'operator' } },
    async ({ params: { name } }) => {
      return { success: true, schedule: await changeSchedule(installation, name, { enabled }) };
    },
  );
}

function addRunRoute(app: ZodServer, { installation }: ApiContext): void {
  const schema = {
    tags: ['schedules'],
    operationId: 'runSchedule',
    summary: 'Submit a schedule’s job now',
    description: 'Besides its fire times; also when it is disabled, or its last job still runs.',
    params: scheduleParams,
    response: answers({ 201: runAnswer }, 400, 404, 409, 503),
  };
  app.post(
    '/api/schedules/:name/run',
    { schema, config: { role: 'operator' } },
    async ({ params: { name } }, reply) =>
      reply.code(201).send({ success: true, job_id: await runSchedule(installation, name) }),
  );
}

function addDeleteRoute(app: ZodServer, { installation }: ApiContext): void {
  const schema = {
    tags: ['schedules'],
    operationId: 'deleteSchedule',
    summary: 'Delete a schedule and the record of its fires',
    description: 'Its jobs stay. One that code defines comes back when a worker starts: disable it instead.',
    params: scheduleParams,
    response: answers({ 200: deletedAnswer }, 400, 404, 409, 503),
  };
  app.delete(
    '/api/schedules/:name',
    { schema, config: { role: 'operator' } },
    async ({ params: { name } }) => {
      await deleteSchedule(installation, name);
      return { success: true, message: `schedule "${name}" is deleted`, name };
    },
  );
}

const toDate = (text: string | null | undefined) => (typeof text === 'string' ? new Date(text) : text);

function toChanges(body: ScheduleBody): ScheduleChanges {
  return {
    jobType: body.job_type,
    payload: body.payload,
    queue: body.queue,
    priority: body.priority,
    cronExpression: body.cron_expression,
    intervalMs: body.interval_ms,
    timezone: body.timezone,
    enabled: body.enabled,
    misfirePolicy: body.misfire_policy,
    maxCatchUp: body.max_catch_up,
    overlapPolicy: body.overlap_policy,
    startsAt: toDate(body.starts_at),
    endsAt: toDate(body.ends_at),
    maxRetries: body.max_retries,
    timeoutMs: body.timeout_ms,
    createdBy: body.created_by,
  };
}
