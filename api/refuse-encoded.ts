import type { FastifyInstance, FastifyRequest } from 'fastify';
import { HoldfastError } from '../shared/errors.js';

/** A compressed body would be read as text, and called bad JSON. Nothing here unpacks: a small one could become any size. */
export function refuseEncoded(app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    const encoding = request.headers['content-encoding'];
    if (encoding === undefined || /^\s*identity\s*$/i.test(encoding) || !hasBody(request)) return done();
    void reply.header('accept-encoding', 'identity');
    const problem = 'must be identity, or not be there: send the body as it is, not compressed';
    const details = [{ field: 'Content-Encoding', problem }];
    done(new HoldfastError('unsupported_media_type', `Content-Encoding: ${problem}`, { details }));
  });
}

/** One that would be read: of a GET none is. */
function hasBody({ method, headers, is404 }: FastifyRequest): boolean {
  if (is404 || method === 'GET' || method === 'HEAD') return false;
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}
