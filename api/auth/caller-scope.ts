import type { FastifyRequest } from 'fastify';
import './caller.js';

/** What keeps the names that one caller chooses apart from another's: the key's id, or '' where no key is asked for. */
export const callerScope = (request: FastifyRequest): string =>
  request.caller ? String(request.caller.id) : '';
