import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { NamedRoute } from '../../../../api/route-table.js';
import { ROLES } from '../../../../shared/keys/api-key.js';
import { createKey } from '../../../../shared/keys/create-key.js';
import { revokeKey } from '../../../../shared/keys/revoke-key.js';
import { startTestApi, type Method, type TestApi } from '../test-api.js';
import { bearer, createKeys, expire, type KeyOfRole } from './test-keys.js';

let api: TestApi;
let keys: KeyOfRole;
beforeAll(async () => {
  api = await startTestApi({ redis: false });
  keys = await createKeys(api.installation);
});
afterAll(() => api.close());

/** With names that nothing has. */
const addressOf = ({ url }: NamedRoute) => url.replace(/:\w+/g, '999999999');

function call(route: NamedRoute, headers: Record<string, string>) {
  const method = route.method as Method;
  return ['POST', 'PUT', 'PATCH'].includes(method)
    ? api.ask(method, addressOf(route), '{}', { 'content-type': 'application/json', ...headers })
    : api.ask(method, addressOf(route), undefined, headers);
}

const isRefused = (status: number) => status === 401 || status === 403;
const named = ({ method, url }: NamedRoute) => `${method} ${url}`;

test('every route lets in the roles it is for and those above, and no other', async () => {
  const { routes } = api.app.routeTable;
  expect(routes.length).toBeGreaterThan(20);
  const wrong: string[] = [];
  for (const route of routes) {
    for (const role of ROLES) {
      const { status, text } = await call(route, bearer(keys[role].secret));
      const mayCall = route.role === 'public' || ROLES.indexOf(role) >= ROLES.indexOf(route.role);
      const isSaid = text.includes(`this needs the role ${route.role}; the key \\"${role}\\"`);
      const isRight = mayCall
        ? !isRefused(status) && status < 500
        : status === 403 && (isSaid || route.method === 'HEAD');
      if (!isRight) wrong.push(`${named(route)} for ${role}: ${status} ${text}`);
    }
  }
  expect(wrong).toEqual([]);
});

test('no route but the public ones lets in those without a good key', async () => {
  const revoked = await createKey(api.installation, { name: 'revoked', role: 'admin' });
  await revokeKey(api.installation, revoked.key.id);
  const expired = await createKey(api.installation, { name: 'expired', role: 'admin' });
  await expire(api.installation, expired.key.id);
  const good = keys.admin.secret;
  const strangers: Record<string, Record<string, string>> = {
    'no key': {},
    revoked: bearer(revoked.secret),
    expired: bearer(expired.secret),
    'another secret of a good key': bearer(good.slice(0, -4) + (good.endsWith('AAAA') ? 'BBBB' : 'AAAA')),
    'a key nobody has': bearer(`hf_000000000000_${'A'.repeat(43)}`),
    garbage: bearer('garbage'),
    'an empty one': { authorization: 'Bearer ' },
    'another scheme': { authorization: `Basic ${Buffer.from(`admin:${good}`).toString('base64')}` },
    'two in one': { 'x-api-key': `${good}, ${good}` },
    'its hash': bearer(`${keys.admin.key.prefix}_${'f'.repeat(64)}`),
    'a query': { 'x-authorization': good },
  };
  const wrong: string[] = [];
  for (const route of api.app.routeTable.routes) {
    for (const [who, headers] of Object.entries(strangers)) {
      const { status, text } = await call(route, headers);
      if (route.role === 'public' ? !isRefused(status) : status === 401) continue;
      wrong.push(`${named(route)} for ${who}: ${status} ${text}`);
    }
  }
  expect(wrong).toEqual([]);
});

describe('which role a route is for:', () => {
  const rolesOf = (fits: (route: NamedRoute) => boolean) => [
    ...new Set(api.app.routeTable.routes.filter(fits).map(({ role }) => role)),
  ];
  const isRead = ({ method }: NamedRoute) => method === 'GET' || method === 'HEAD';

  test('keys are for admins, and nothing else is', () => {
    expect(rolesOf(({ url }) => url.startsWith('/api/keys'))).toEqual(['admin']);
    expect(rolesOf(({ url }) => !url.startsWith('/api/keys'))).not.toContain('admin');
  });

  test('only probes and documentation are public', () => {
    const urls = api.app.routeTable.routes.filter(({ role }) => role === 'public').map(({ url }) => url);
    const expected = [/^\/$/, /^\/health(\/|$)/, /^\/api-docs([/.]|$)/];
    expect(urls.filter((url) => !expected.some((pattern) => pattern.test(url)))).toEqual([]);
  });

  test('a viewer may read everything but keys, and metrics', () => {
    const isListed = ({ url }: NamedRoute) => url.startsWith('/api/') && !url.startsWith('/api/keys');
    expect(rolesOf((route) => isRead(route) && isListed(route))).toEqual(['viewer']);
    expect(rolesOf(({ url }) => url === '/metrics')).toEqual(['viewer']);
  });

  test('nothing is changed by a viewer', () => {
    const changes = api.app.routeTable.routes.filter((route) => !isRead(route) && route.role === 'viewer');
    // What only computes is no change.
    expect(changes.map(({ url }) => url).filter((url) => !url.endsWith('/preview'))).toEqual([]);
  });

  test('cancelling and retrying what may be another’s is for operators', () => {
    expect(rolesOf(({ method, url }) => method === 'DELETE' && url.startsWith('/api/jobs'))).toEqual([
      'operator',
    ]);
    expect(rolesOf(({ url }) => url === '/api/jobs/:id/retry')).toEqual(['operator']);
    expect(rolesOf(({ method, url }) => method === 'POST' && url === '/api/jobs')).toEqual(['submitter']);
  });
});

test('a route that names no role cannot be built', async () => {
  const { default: Fastify } = await import('fastify');
  const { nameRoutes } = await import('../../../../api/route-table.js');
  const app = Fastify();
  nameRoutes(app);
  expect(() => app.get('/secret', async () => 'x')).toThrow('GET /secret names no role');
  await app.close();
});

test('the document says of each operation which role it needs and how it refuses', () => {
  for (const { method, url, role } of api.app.routeTable.routes) {
    const path = url.replace(/:(\w+)/g, '{$1}');
    const operation = api.document.paths[path]?.[method.toLowerCase()];
    if (!operation) continue;
    const statuses = Object.keys(operation.responses);
    if (role === 'public') expect(operation.security).toEqual([]);
    else {
      expect(operation.security).toEqual([{ bearer: [] }, { header: [] }]);
      expect(operation.description).toContain(`Role: \`${role}\``);
      expect(statuses).toEqual(expect.arrayContaining(['401', '403', '429', '503']));
    }
  }
});
