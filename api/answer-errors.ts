import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { HoldfastError, messageOf } from '../shared/errors.js';
import type { Logger } from '../shared/observe/logger.js';
import { RETRY_AFTER_SECONDS, toErrorAnswer } from './errors.js';
import './route-table.js';

/** Answers every error and every unknown address in the one shape. */
export function answerErrors(app: FastifyInstance, logger: Logger): void {
  app.setErrorHandler((error, request, reply) => sendError(error, request, reply, logger));
  app.setNotFoundHandler((request, reply) => {
    const [path = ''] = request.url.split('?');
    const methods = app.routeTable.methodsOf(path);
    if (methods.length > 0) void reply.header('allow', methods.join(', '));
    return sendError(describeMiss(request.method, path, methods), request, reply, logger);
  });
}

const describeMiss = (method: string, path: string, methods: readonly string[]) =>
  methods.length > 0
    ? new HoldfastError('method_not_allowed', `${path} takes ${methods.join(', ')}, not ${method}`)
    : new HoldfastError('not_found', `there is no ${method} ${path}; /api-docs shows what there is`);

export function sendError(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  logger: Logger,
): FastifyReply {
  const { status, body } = toErrorAnswer(error, request.id, request.routeOptions.bodyLimit);
  if (status >= 500) {
    logger.error('a request failed', {
      requestId: request.id,
      method: request.method,
      url: request.url,
      code: body.code,
      error: messageOf(error),
      // For what is merely away, the message says it all.
      ...(status === 500 && error instanceof Error ? { stack: error.stack } : {}),
    });
  }
  if (status === 401) void reply.header('www-authenticate', 'Bearer realm="holdfast"');
  if (status === 503) void reply.header('retry-after', RETRY_AFTER_SECONDS);
  // As text: no route's schema describes how an unexpected error is written.
  return reply
    .code(status)
    .type('application/json; charset=utf-8')
    .serializer((payload: unknown) => JSON.stringify(payload))
    .send(body);
}
