import type { DeadLetterStatus } from '../../shared/dead-letters/dead-letter.js';
import { groupDeadLetters } from '../../shared/dead-letters/group-dead-letters.js';
import { listDeadLetters } from '../../shared/dead-letters/list-dead-letters.js';
import { noteDeadLetter } from '../../shared/dead-letters/note-dead-letter.js';
import { readDeadLetter } from '../../shared/dead-letters/read-dead-letter.js';
import type { ApiContext, ZodServer } from '../context.js';
import { answers } from '../openapi.js';
import {
  DEFAULT_LIMIT,
  groupAnswer,
  groupQuery,
  letterAnswer,
  letterListAnswer,
  letterListQuery,
  letterParams,
  noteBody,
} from '../schemas/dead-letters.js';

const tags = ['dead letters'];

/** Looking at dead letters, and noting on them; what closes them is in dead-letter-review.ts. */
export function addDeadLetterRoutes(app: ZodServer, context: ApiContext): void {
  addListRoute(app, context);
  addGroupRoute(app, context);
  addReadRoute(app, context);
  addNoteRoute(app, context);
}

const toStatus = (status: DeadLetterStatus | 'any' = 'open') => (status === 'any' ? undefined : status);

function addListRoute(app: ZodServer, { installation }: ApiContext): void {
  const schema = {
    tags,
    operationId: 'listDeadLetters',
    summary: 'List dead letters, newest first',
    querystring: letterListQuery,
    response: answers({ 200: letterListAnswer }, 400, 503, 504),
  };
  app.get('/api/dead-letters', { schema, config: { role: 'viewer' } }, async ({ query }) => {
    const { status, job_type: jobType, error_class: errorClass, limit = DEFAULT_LIMIT } = query;
    const { queue, fingerprint, reason, cursor } = query;
    const request = { queue, jobType, errorClass, fingerprint, reason, cursor, limit };
    const page = await listDeadLetters(installation.db, { ...request, status: toStatus(status) });
    return {
      success: true,
      dead_letters: page.deadLetters,
      pagination: { limit, has_more: page.hasMore, next_cursor: page.nextCursor },
    };
  });
}

function addGroupRoute(app: ZodServer, { installation }: ApiContext): void {
  const schema = {
    tags,
    operationId: 'groupDeadLetters',
    summary: 'Dead letters with alike errors, counted; the largest groups first',
    querystring: groupQuery,
    response: answers({ 200: groupAnswer }, 400, 503, 504),
  };
  app.get('/api/dead-letters/groups', { schema, config: { role: 'viewer' } }, async ({ query }) => {
    const { status, queue, job_type: jobType, limit = DEFAULT_LIMIT } = query;
    const request = { status: toStatus(status), queue, jobType, limit };
    const { groups, hasMore } = await groupDeadLetters(installation.db, request);
    return { success: true, groups, has_more: hasMore };
  });
}

function addReadRoute(app: ZodServer, { installation }: ApiContext): void {
  const schema = {
    tags,
    operationId: 'readDeadLetter',
    summary: 'A dead letter with all attempts of its job, and every time that it died',
    params: letterParams,
    response: answers({ 200: letterAnswer }, 400, 404, 503),
  };
  app.get('/api/dead-letters/:id', { schema, config: { role: 'viewer' } }, async ({ params: { id } }) => ({
    success: true,
    dead_letter: await readDeadLetter(installation.db, id),
  }));
}

function addNoteRoute(app: ZodServer, { installation }: ApiContext): void {
  const schema = {
    tags,
    operationId: 'noteDeadLetter',
    summary: 'Write a note on a dead letter, whatever became of it',
    params: letterParams,
    body: noteBody,
    response: answers({ 200: letterAnswer }, 400, 404, 409, 413, 415, 503),
  };
  app.patch('/api/dead-letters/:id', { schema, config: { role: 'operator' } }, async ({ params, body }) => {
    await noteDeadLetter(installation.db, params.id, body.note);
    return { success: true, dead_letter: await readDeadLetter(installation.db, params.id) };
  });
}
