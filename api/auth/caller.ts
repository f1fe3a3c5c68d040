import type { FastifyRequest } from 'fastify';
import type { Role } from './roles.js';

/** Who shows a key. */
export interface Caller {
  /** Of the key. */
  readonly id: number;
  readonly name: string;
  readonly role: Role;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Null: nobody was asked who is calling. */
    caller: Caller | null;
  }
}

/** The name of the caller's key: who did it. Null where no key is asked for. */
export const callerName = (request: FastifyRequest): string | null => request.caller?.name ?? null;
