import type { FastifyInstance } from 'fastify';
import type { RequiredRole } from './auth/roles.js';

export interface NamedRoute {
  readonly method: string;
  /** As it was added: `/api/jobs/:id`. */
  readonly url: string;
  readonly role: RequiredRole;
}

declare module 'fastify' {
  interface FastifyInstance {
    readonly routeTable: RouteTable;
  }
}

/** Every route of a server, and who may call it. */
export class RouteTable {
  readonly routes: NamedRoute[] = [];

  /** The methods that an address answers to; none: there is no such address. */
  methodsOf(path: string): string[] {
    const exact = this.routes.filter(({ url }) => url === path);
    const found = exact.length > 0 ? exact : this.routes.filter(({ url }) => patternOf(url).test(path));
    return [...new Set(found.map(({ method }) => method))].sort();
  }
}

const patternOf = (url: string) => new RegExp(`^${url.replaceAll('.', '\\.').replace(/:\w+/g, '[^/]+')}$`);

/** Before the first route. A route that does not say who may call it is a fault of whoever wrote it: nothing is built. */
export function nameRoutes(app: FastifyInstance): void {
  const table = new RouteTable();
  app.decorate('routeTable', table);
  app.addHook('onRoute', ({ method: methods, url, config }) => {
    for (const method of [methods].flat()) {
      if (config?.role === undefined) throw new Error(`${method} ${url} names no role: config: { role }`);
      table.routes.push({ method, url, role: config.role });
    }
  });
}
