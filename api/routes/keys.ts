import { createKey } from '../../shared/keys/create-key.js';
import { listKeys } from '../../shared/keys/list-keys.js';
import { revokeKey } from '../../shared/keys/revoke-key.js';
import type { ApiContext, ZodServer } from '../context.js';
import { answers } from '../openapi.js';
import {
  createdKeyAnswer,
  DEFAULT_KEY_LIMIT,
  keyBody,
  keyParams,
  keysAnswer,
  keysQuery,
  revokedKeyAnswer,
} from '../schemas/keys.js';

export function addKeyRoutes(app: ZodServer, context: ApiContext): void {
  addListRoute(app, context);
  addCreateRoute(app, context);
  addRevokeRoute(app, context);
}

function addListRoute(app: ZodServer, { installation: { db } }: ApiContext): void {
  const schema = {
    tags: ['keys'],
    operationId: 'listKeys',
    summary: 'List API keys, oldest first',
    querystring: keysQuery,
    response: answers({ 200: keysAnswer }, 400, 503),
  };
  app.get('/api/keys', { schema, config: { role: 'admin' } }, async ({ query }) => {
    const { limit = DEFAULT_KEY_LIMIT, cursor } = query;
    const { keys, hasMore, nextCursor } = await listKeys(db, { limit, cursor });
    return { success: true, keys, pagination: { limit, has_more: hasMore, next_cursor: nextCursor } };
  });
}

function addCreateRoute(app: ZodServer, { installation }: ApiContext): void {
  const schema = {
    tags: ['keys'],
    operationId: 'createKey',
    summary: 'Create an API key',
    description: 'The answer alone has its secret. With the first key the API begins to ask for keys.',
    body: keyBody,
    response: answers({ 201: createdKeyAnswer }, 400, 409, 413, 415, 503),
  };
  app.post('/api/keys', { schema, config: { role: 'admin' } }, async ({ body }, reply) => {
    const { name, role, expires_at: expiresAt } = body;
    const { key, secret } = await createKey(installation, {
      name,
      role,
      expiresAt: expiresAt == null ? undefined : new Date(expiresAt),
    });
    return reply.code(201).header('cache-control', 'no-store').send({ success: true, key, secret });
  });
}

function addRevokeRoute(app: ZodServer, { installation }: ApiContext): void {
  const schema = {
    tags: ['keys'],
    operationId: 'revokeKey',
    summary: 'Revoke an API key',
    description: 'For good, and everywhere within five seconds. One that is revoked already stays so.',
    params: keyParams,
    response: answers({ 200: revokedKeyAnswer }, 400, 404, 409, 503),
  };
  app.delete('/api/keys/:id', { schema, config: { role: 'admin' } }, async ({ params: { id } }) => {
    const key = await revokeKey(installation, id);
    return { success: true, message: `the key "${key.name}" (${id}) is revoked`, key };
  });
}
