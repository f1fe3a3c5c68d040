import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from '@jest/globals';
import { request } from 'undici';
import { startTestApi } from './test-api.js';

/** Requests that are wrong before any route looks at them are told what is wrong as all the others are. */
const api = await startTestApi({ redis: false });
afterAll(() => api.close());

const JOB = { job_type: 'x', payload: {} };

/** Written to the wire as it is; the answer until the server hangs up. */
async function raw(head: readonly string[], body = '') {
  const { hostname, port } = new URL(api.url);
  const socket = connect(Number(port), hostname);
  socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  const [, status] = /^HTTP\/1\.1 (\d+)/.exec(text) ?? [];
  return {
    status: Number(status),
    text,
    body: JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4)) as object,
  };
}

describe('JSON with a name that could change a prototype', () => {
  test.each([
    ['{"job_type":"x","payload":{"__proto__":{"isAdmin":true}}}', 'payload.__proto__'],
    ['{"job_type":"x","payload":{"a":[{},{"__proto__":1}]}}', 'payload.a.1.__proto__'],
    ['{"job_type":"x","payload":{"constructor":{"prototype":{}}}}', 'payload.constructor.prototype'],
    [`{"a":${'['.repeat(5_000)}{"__proto__":1}${']'.repeat(5_000)}}`, 'body'],
  ])('%# is refused by that name', async (body, field) => {
    const answer = await api.ask('POST', '/api/jobs', body, { 'content-type': 'application/json' });
    expect(answer).toMatchObject({
      status: 400,
      body: {
        code: 'validation_failed',
        details: [{ field, problem: expect.stringContaining('name') }],
      },
    });
  });

  test('may have the text as a value', async () => {
    expect((await api.post('/api/jobs', { ...JOB, payload: { name: '__proto__' } })).status).toBe(201);
  });
});

describe('a body with a Content-Encoding', () => {
  const send = (body: Buffer | string, encoding: string) =>
    request(`${api.url}/api/jobs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-encoding': encoding },
      body,
    });

  test.each(['gzip', 'br', 'gzip, identity'])('of %s is 415, and told what to do', async (encoding) => {
    const answer = await send(gzipSync(JSON.stringify(JOB)), encoding);
    expect(answer.statusCode).toBe(415);
    expect(answer.headers['accept-encoding']).toBe('identity');
    expect(await answer.body.json()).toMatchObject({
      success: false,
      code: 'unsupported_media_type',
      details: [{ field: 'Content-Encoding', problem: expect.stringContaining('not compressed') }],
      request_id: answer.headers['x-request-id'],
    });
  });

  test('of identity is a body; without a body it says nothing', async () => {
    const answer = await send(JSON.stringify(JOB), 'identity');
    expect(answer.statusCode).toBe(201);
    await answer.body.dump();
    expect((await api.get('/api/jobs', { 'content-encoding': 'gzip' })).status).toBe(200);
  });
});

test.each(['limit=1&limit=2', 'status=failed&status=running', 'cursor=1&cursor=2', 'tag=a&tag=b'])(
  '?%s says what was given more than once',
  async (query) => {
    const [field] = query.split('=');
    const answer = await api.get(`/api/jobs?${query}`);
    expect(answer).toMatchObject({
      status: 400,
      body: { details: [{ field, problem: 'was given more than once' }] },
    });
  },
);

test('two idempotency keys are not a third one', async () => {
  const body = JSON.stringify(JOB);
  const answer = await raw(
    [
      'POST /api/jobs HTTP/1.1',
      'Host: localhost',
      'Connection: close',
      'Content-Type: application/json',
      `Content-Length: ${body.length}`,
      'Idempotency-Key: a1',
      'idempotency-key: a2',
    ],
    body,
  );
  expect(answer).toMatchObject({
    status: 400,
    body: { details: [{ field: 'Idempotency-Key', problem: 'was given more than once' }] },
  });
  const single = await api.post('/api/jobs', JOB, { 'idempotency-key': 'a1, a2' });
  expect(single.status).toBe(201);
});

describe('in the usual shape', () => {
  test('a request without a Host is 400; HTTP/1.0 had none', async () => {
    const answer = await raw(['GET /api/jobs HTTP/1.1', 'Connection: close']);
    expect(answer).toMatchObject({
      status: 400,
      body: {
        success: false,
        code: 'validation_failed',
        details: [{ field: 'Host', problem: 'is required' }],
        request_id: expect.any(String),
      },
    });
    expect((await raw(['GET /health/live HTTP/1.0'])).status).toBe(200);
  });

  test('an Expect that nobody can meet is 417', async () => {
    const answer = await raw([
      'GET /api/jobs HTTP/1.1',
      'Host: localhost',
      'X-Request-Id: r-1',
      'Expect: foo',
    ]);
    expect(answer).toMatchObject({
      status: 417,
      body: {
        success: false,
        code: 'validation_failed',
        details: [{ field: 'Expect' }],
        request_id: 'r-1',
      },
    });
  });
});
