import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { HoldfastError, messageOf } from '../shared/errors.js';
import type { Logger } from '../shared/observe/logger.js';
import { RETRY_AFTER_SECONDS, toErrorAnswer } from './errors.js';

/** Answers every error and every unknown address in the one shape. */
export function answerErrors(app: FastifyInstance, logger: Logger): void {
  app.setErrorHandler((error, request, reply) => sendError(error, request, reply, logger));
  app.setNotFoundHandler((request, reply) => {
    const [path] = request.url.split('?');
    const error = new HoldfastError('not_found', `there is no ${request.method} ${path ?? ''}`);
    return sendError(error, request, reply, logger);
  });
}

export function sendError(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  logger: Logger,
): FastifyReply {
  const { status, body } = toErrorAnswer(error, request.id);
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
  if (status === 503) void reply.header('retry-after', RETRY_AFTER_SECONDS);
  // As text: no route's schema describes how an unexpected error is written.
  return reply
    .code(status)
    .type('application/json; charset=utf-8')
    .serializer((payload: unknown) => JSON.stringify(payload))
    .send(body);
}
