import type { FastifyRequest } from 'fastify';
import { callerScope } from './caller-scope.js';

/** An idempotency key as it is stored: two callers may use the same one without knowing of each other. shared/jobs/shown-idempotency-key.ts undoes it. */
export function scopeKey(request: FastifyRequest, key: string | undefined): string | undefined {
  const scope = callerScope(request);
  return key === undefined || scope === '' ? key : `${scope}/${key}`;
}
