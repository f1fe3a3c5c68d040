import type { FastifyInstance } from 'fastify';
import { invalidField } from './errors.js';
import { findForbiddenName } from './forbidden-name.js';

/**
 * JSON and nothing else. An empty body is no body: many clients send the header with every POST and DELETE. Names that
 * could change an object's prototype are refused.
 */
export function acceptJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  const parseAny = app.getDefaultJsonParser('ignore', 'ignore');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') return done(null, undefined);
    void parse(request, body, (error, value) => {
      if (!error) return done(null, value);
      // Either it is no JSON, or it has such a name: that is said in the same words.
      void parseAny(request, body, (fault, suspect) => done(fault ?? refuseName(suspect)));
    });
  });
}

function refuseName(suspect: unknown): Error {
  const path = findForbiddenName(suspect);
  const why = 'that must not be used: it could change what other objects are';
  return path
    ? invalidField(path.join('.'), `is a name ${why}`)
    : invalidField('body', `has a name, __proto__ or constructor.prototype, ${why}`);
}
