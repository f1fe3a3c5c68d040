import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { describeInvalid } from './validation.js';

/**
 * What a route does not ask for is refused everywhere, not only where it has a schema for that part: `?dry_run=true` must never
 * be overlooked. Of a body that nobody asked for an empty object will do: some clients always send one.
 */
export function refuseUnknown(app: FastifyInstance): void {
  app.addHook('preValidation', (request, _reply, done) => {
    const { schema } = request.routeOptions;
    const unknown = [
      ...(schema?.querystring ? [] : Object.keys(request.query as object)),
      ...(schema?.body ? [] : fieldsOf(request)),
    ];
    done(unknown.length === 0 ? undefined : describeInvalid([unrecognized(unknown)], 'request'));
  });
}

function fieldsOf({ body }: FastifyRequest): string[] {
  if (body === undefined || body === null) return [];
  return typeof body === 'object' && !Array.isArray(body) ? Object.keys(body) : ['body'];
}

/** As zod says it. */
const unrecognized = (keys: string[]): z.core.$ZodIssueUnrecognizedKeys => ({
  code: 'unrecognized_keys',
  keys,
  path: [],
  message: 'is not known here',
});
