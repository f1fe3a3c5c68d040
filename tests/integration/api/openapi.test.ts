import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { inline, toZod } from './check-answer.js';
import { startTestApi, type TestApi } from './test-api.js';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ redis: false });
});
afterAll(() => api.close());

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

const operations = () =>
  Object.entries(api.document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );

test('the document is OpenAPI 3.1 and names every route', async () => {
  const { status, headers, body } = await api.get('/api-docs.json');
  expect(status).toBe(200);
  expect(headers['content-type']).toContain('application/json');
  expect(body).toMatchObject({ openapi: '3.1.0', info: { title: 'Holdfast', version: expect.any(String) } });
  const named = Object.entries(body.paths as object)
    .flatMap(([path, methods]) =>
      Object.keys(methods as object).map((method) => `${method.toUpperCase()} ${path}`),
    )
    .sort();
  expect(named).toEqual([
    'DELETE /api/dead-letters/{id}',
    'DELETE /api/jobs/{id}',
    'DELETE /api/keys/{id}',
    'DELETE /api/schedules/{name}',
    'GET /api/dead-letters',
    'GET /api/dead-letters/groups',
    'GET /api/dead-letters/{id}',
    'GET /api/jobs',
    'GET /api/jobs/metrics',
    'GET /api/jobs/{id}',
    'GET /api/jobs/{id}/events',
    'GET /api/keys',
    'GET /api/queues',
    'GET /api/queues/{name}',
    'GET /api/schedules',
    'GET /api/schedules/{name}',
    'GET /api/workers',
    'GET /api/workers/{id}',
    'GET /health',
    'GET /health/live',
    'GET /health/ready',
    'GET /metrics',
    'PATCH /api/dead-letters/{id}',
    'PATCH /api/schedules/{name}',
    'POST /api/dead-letters/discard',
    'POST /api/dead-letters/replay',
    'POST /api/dead-letters/{id}/replay',
    'POST /api/jobs',
    'POST /api/jobs/batch',
    'POST /api/jobs/cancel',
    'POST /api/jobs/retry',
    'POST /api/jobs/{id}/dependencies',
    'POST /api/jobs/{id}/retry',
    'POST /api/keys',
    'POST /api/queues/{name}/pause',
    'POST /api/queues/{name}/resume',
    'POST /api/schedules',
    'POST /api/schedules/preview',
    'POST /api/schedules/{name}/disable',
    'POST /api/schedules/{name}/enable',
    'POST /api/schedules/{name}/run',
    'PUT /api/schedules/{name}',
  ]);
});

test('each operation has an id of its own, a summary, its parameters, a success and its errors', () => {
  const ids = operations().map(({ operation }) => operation.operationId);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { path, method, operation } of operations()) {
    expect(METHODS).toContain(method);
    expect(operation.summary).toEqual(expect.any(String));
    const parameters = (operation.parameters ?? []) as { name: string; in: string; required: boolean }[];
    const inPath = parameters.filter((one) => one.in === 'path').map(({ name }) => `{${name}}`);
    expect(inPath).toEqual(path.match(/\{\w+\}/g) ?? []);
    const statuses = Object.keys(operation.responses);
    expect(statuses.some((status) => status.startsWith('2'))).toBe(true);
    if (path.startsWith('/api/')) expect(statuses).toContain('503');
    for (const answer of Object.values(operation.responses)) {
      expect((answer as { description?: string }).description).toEqual(expect.any(String));
    }
  }
});

test('no optional parameter has an example: Swagger UI would send it as a filter that nobody typed', () => {
  type Parameter = { in: string; name: string; required?: boolean; example?: unknown; schema: object };
  let parameters = 0;
  for (const { path, operation } of operations()) {
    for (const { in: where, name, required, ...rest } of (operation.parameters ?? []) as Parameter[]) {
      if (where !== 'query' || required) continue;
      parameters++;
      expect([path, name, JSON.stringify(rest)]).toEqual([
        path,
        name,
        expect.not.stringMatching(/"examples?":/),
      ]);
    }
  }
  expect(parameters).toBeGreaterThan(20);
});

test('every reference leads somewhere, no schema is left over, and every schema can be read', () => {
  const { schemas } = api.document.components;
  const text = JSON.stringify(api.document);
  for (const [name, schema] of Object.entries(schemas)) {
    expect(text).toContain(`"#/components/schemas/${name}"`);
    toZod(api.document, schema);
  }
  expect(inline(api.document, api.document.paths)).toBeDefined();
});

test('the order of a list is told: that of ids, whatever it is called', () => {
  const { parameters } = api.document.paths['/api/jobs']!.get!;
  const sort = (parameters as { name: string; description: string }[]).find(({ name }) => name === 'sort');
  expect(sort?.description).toContain('the order is that of the ids');
});

test('the examples fit their schemas', () => {
  let examples = 0;
  for (const schema of Object.values(api.document.components.schemas)) {
    for (const example of (schema.examples ?? []) as unknown[]) {
      examples++;
      expect(toZod(api.document, schema).safeParse(example)).toMatchObject({ success: true });
    }
  }
  expect(examples).toBeGreaterThan(4);
});

test('Swagger UI is served under a policy that allows no foreign and no inline script', async () => {
  const page = await api.get('/api-docs');
  expect(page.status).toBe(200);
  expect(page.headers['content-type']).toContain('text/html');
  const policy = String(page.headers['content-security-policy']);
  expect(policy).toContain("default-src 'self'");
  expect(policy).not.toContain('script-src');
  const linked = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address]) => address ?? '');
  expect(linked).toHaveLength(4);
  expect(page.text).not.toMatch(/<script>|<style>|onload=/);
  for (const address of linked) {
    const { status, text } = await api.get(address);
    expect([address, status, text.length > 100]).toEqual([address, 200, true]);
  }
});

test('its address may end with a slash; what is not there says where to look', async () => {
  const answer = await api.get('/api-docs/');
  expect([answer.status, answer.headers.location]).toEqual([302, '/api-docs']);
  const { status, body } = await api.get('/api-docs/nothing');
  expect([status, body.error]).toEqual([404, expect.stringContaining('/api-docs shows what there is')]);
  expect((await api.get('/api-docs/..%2fpackage.json')).status).toBe(404);
  expect((await api.get('/api-docs/constructor')).status).toBe(404);
});
