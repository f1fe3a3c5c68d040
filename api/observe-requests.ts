import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { Logger } from '../shared/observe/logger.js';
import type { Metrics } from '../shared/observe/metrics.js';
import { callerName } from './auth/caller.js';

const SANE_ID = /^[\w.:/+=-]{1,128}$/;

/** The caller's X-Request-Id, when it can stand in a log line as it is; else a new one. */
export function chooseRequestId(request: Pick<IncomingMessage, 'headers'>): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && SANE_ID.test(given) ? given : randomUUID();
}

/** Echoes the request's id; counts and logs each answer. */
export function observeRequests(app: FastifyInstance, metrics: Metrics, logger: Logger): void {
  app.addHook('onRequest', (request, reply, done) => {
    void reply.header('x-request-id', request.id);
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    const { method } = request;
    const route = request.routeOptions.url ?? '(unknown)';
    const status = reply.statusCode;
    const durationMs = reply.elapsedTime;
    metrics.recordRequest({ method, route, status, durationMs });
    const caller = callerName(request);
    logger.debug('request', { requestId: request.id, method, url: request.url, caller, status, durationMs });
    done();
  });
}
