import type { FastifyInstance } from 'fastify';

/**
 * JSON and nothing else. An empty body is no body: many clients send the header with every POST and DELETE. Names that
 * could change an object's prototype are refused.
 */
export function acceptJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined);
    else void parse(request, body, done);
  });
}
