import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { HoldfastError } from '../../shared/errors.js';
import type { Installation } from '../../shared/installation.js';
import type { Caller } from './caller.js';
import { KeyRequirement, type AuthMode } from './key-requirement.js';
import { KeyRing } from './key-ring.js';
import { refuseForeign } from './refuse-foreign.js';
import { mayCall, type Role } from './roles.js';

/** Asks of each request to a route that is not public whose it is, before its body is read. */
export function authenticate(app: FastifyInstance, installation: Installation, mode: AuthMode): void {
  const requirement = new KeyRequirement(mode, installation);
  const ring = new KeyRing(installation);
  // When the last request is answered: each may note a use.
  app.addHook('onClose', async () => {
    requirement.close();
    await ring.close();
  });

  const admit = (request: FastifyRequest, caller: Caller, required: Role): void => {
    if (!mayCall(caller.role, required)) throw forbidden(caller, required);
    request.caller = caller;
  };
  const identify = (request: FastifyRequest): Caller | Promise<Caller> => {
    const secret = readSecret(request.headers);
    if (secret === undefined) throw unauthenticated();
    return ring.identify(secret);
  };
  const ask = (request: FastifyRequest, required: Role): unknown =>
    andThen(requirement.isOpen(), (isOpen) =>
      isOpen
        ? refuseStranger(request)
        : andThen(identify(request), (caller) => admit(request, caller, required)),
    );

  const refuseStranger = mode === 'auto' ? refuseForeign : () => undefined;

  app.decorateRequest('caller', null);
  app.addHook('onRequest', (request, _reply, done) => {
    // Without a role there is no such address.
    const { role = 'public' } = request.routeOptions.config;
    try {
      const asked = role === 'public' ? undefined : ask(request, role);
      if (asked instanceof Promise) void asked.then(() => done(), done);
      else done();
    } catch (error) {
      done(error as Error);
    }
  });
}

/** What is known already is decided without a turn of the event loop. */
const andThen = <T>(value: T | Promise<T>, next: (value: T) => unknown): unknown =>
  value instanceof Promise ? value.then(next) : next(value);

/** `Authorization: Bearer hf_…`; `X-Api-Key: hf_…` goes before it: something in between uses Authorization for itself. */
function readSecret(headers: IncomingHttpHeaders): string | undefined {
  const [, bearer] = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '') ?? [];
  const plain = headers['x-api-key'];
  return typeof plain === 'string' ? plain : bearer;
}

const unauthenticated = () =>
  new HoldfastError('unauthenticated', 'an API key is needed: send it as Authorization: Bearer hf_…');

const forbidden = ({ name, role }: Caller, required: Role) =>
  new HoldfastError('forbidden', `this needs the role ${required}; the key "${name}" has the role ${role}`);
