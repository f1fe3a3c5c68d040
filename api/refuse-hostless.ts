import type { FastifyInstance } from 'fastify';
import { invalidField } from './errors.js';

/** HTTP/1.1 asks for it. Node would refuse it, too, but without a word; see requireHostHeader in build-server.ts. */
export function refuseHostless(app: FastifyInstance): void {
  app.addHook('onRequest', ({ raw }, _reply, done) => {
    const isMissing = raw.headers.host === undefined && raw.httpVersion === '1.1';
    done(isMissing ? invalidField('Host', 'is required') : undefined);
  });
}
