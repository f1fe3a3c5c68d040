import { ROLES, type Role } from '../../shared/keys/api-key.js';

export { ROLES, type Role };

/** What a route asks of its caller; `public`: nothing. */
export type RequiredRole = Role | 'public';

export const mayCall = (role: Role, required: Role): boolean =>
  ROLES.indexOf(role) >= ROLES.indexOf(required);

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The least role that may call the route. Every route names one. */
    role?: RequiredRole;
  }
}
