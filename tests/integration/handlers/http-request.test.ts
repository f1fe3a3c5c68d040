import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { PermanentError, RetryAfterError, TransientError } from '../../../shared/jobs/job-errors.js';
import { builtInJobs, type BuiltInJobs, type BuiltInJobSettings } from '../../../workers/handlers/index.js';
import type { HttpRequestResult } from '../../../workers/handlers/http-request.js';
import { contextFor, failureOf, jobOf, runJob, schemaOf } from './context.js';
import { reply, startHttpServer, type HttpTestServer } from './http-test-server.js';

let server: HttpTestServer;
let opened: BuiltInJobs[];

beforeEach(async () => {
  server = await startHttpServer();
  opened = [];
});

afterEach(async () => {
  for (const builtIn of opened) await builtIn.close();
  await server.close();
});

function call(
  payload: object,
  settings: BuiltInJobSettings = { network: { allowPrivateNetworks: true } },
  context = contextFor(),
) {
  const builtIn = builtInJobs(settings);
  opened.push(builtIn);
  return runJob<HttpRequestResult>(jobOf(builtIn.jobs, 'http_request'), payload, context);
}

describe('a request', () => {
  test('sends JSON and gives the parsed answer with a few headers', async () => {
    server.routes['/orders'] = reply(
      201,
      { 'content-type': 'application/json', etag: '"1"', 'x-other': 'x' },
      '{"id":5}',
    );
    const result = await call({ method: 'POST', url: `${server.url}/orders?dry=1`, body: { amount: 3 } });
    expect(result).toMatchObject({ status: 201, body: { id: 5 }, truncated: false });
    expect(result.headers).toMatchObject({ 'content-type': 'application/json', etag: '"1"' });
    expect(result.headers).not.toHaveProperty('x-other');
    expect(result.duration_ms).toBeGreaterThanOrEqual(0);
    expect(server.requests[0]).toMatchObject({ method: 'POST', body: '{"amount":3}' });
    expect(server.requests[0]?.headers['content-type']).toBe('application/json');
  });

  test('whose answer is larger than a result may be gives as much of it as fits', async () => {
    // Each of its quotes takes two bytes more in a result.
    const body = JSON.stringify({ text: '"'.repeat(100_000) });
    server.routes['/large'] = reply(200, { 'content-type': 'application/json' }, body);
    const settings = { network: { allowPrivateNetworks: true }, maxResultBytes: 50_000 };
    const result = await call({ url: `${server.url}/large` }, settings);
    expect(result.truncated).toBe(true);
    expect(Buffer.byteLength(JSON.stringify(result))).toBeLessThanOrEqual(50_000);
    expect(Buffer.byteLength(JSON.stringify(result))).toBeGreaterThan(40_000);
  });

  test('with a user that is not percent-encoded fails for good', async () => {
    const failed = failureOf(call({ url: server.url.replace('http://', 'http://a%zz:b@') }));
    expect(await failed).toBeInstanceOf(PermanentError);
  });

  test('sends a text as it is, and gives a text in its own encoding', async () => {
    server.routes['/text'] = (_request, response) =>
      response
        .writeHead(200, { 'content-type': 'text/plain; charset=latin1' })
        .end(Buffer.from('größer', 'latin1'));
    const result = await call({
      method: 'PUT',
      url: `${server.url}/text`,
      body: 'a=1',
      headers: { 'Content-Type': 'text/x' },
    });
    expect(result.body).toBe('größer');
    expect(server.requests[0]).toMatchObject({ body: 'a=1', headers: { 'content-type': 'text/x' } });
  });

  test('gives broken JSON as text', async () => {
    server.routes['/broken'] = reply(200, { 'content-type': 'application/json' }, '{"id":');
    expect(await call({ url: `${server.url}/broken` })).toMatchObject({ body: '{"id":' });
  });

  test('carries a key by which the receiver knows a repetition of the same job', async () => {
    server.routes['/'] = reply(200);
    await call({ url: `${server.url}/` });
    await call({ url: `${server.url}/` }, undefined, contextFor({ attempt: 2 }));
    await call({ url: `${server.url}/`, headers: { 'idempotency-key': 'mine' } });
    expect(server.requests.map(({ headers }) => headers['idempotency-key'])).toEqual([
      'holdfast-job-17',
      'holdfast-job-17',
      'mine',
    ]);
  });

  test('turns user and password in the url into basic authentication', async () => {
    server.routes['/'] = reply(200);
    await call({ url: `http://ann:p%40ss@127.0.0.1:${server.port}/` });
    expect(server.requests[0]?.headers.authorization).toBe(`Basic ${btoa('ann:p@ss')}`);
  });

  test('takes an expected status for success and no other', async () => {
    server.routes['/gone'] = reply(410);
    server.routes['/fine'] = reply(200);
    expect(await call({ url: `${server.url}/gone`, expected_status: [200, 410] })).toMatchObject({
      status: 410,
    });
    await expect(call({ url: `${server.url}/fine`, expected_status: 201 })).rejects.toThrow(PermanentError);
  });

  test('ends a connection that sends more than is wanted, and says that the body is cut', async () => {
    let hungUp: Promise<unknown> | undefined;
    server.routes['/endless'] = (_request, response) => {
      hungUp = once(response, 'close');
      const more = (): void => void (response.destroyed || response.write('€'.repeat(10_000), more));
      more();
    };
    const result = await call({ url: `${server.url}/endless`, max_response_bytes: 100_000 });
    await hungUp;
    // 100,000 bytes end inside a character of three bytes, which is left out.
    expect(result).toMatchObject({ truncated: true, body: '€'.repeat(33_333) });
  });
});

describe('a refusal', () => {
  test.each([500, 502, 503, 504, 408, 425, 429])('with %d is tried again', async (status) => {
    server.routes['/'] = reply(status, {}, 'busy');
    const error = await failureOf(call({ url: `${server.url}/` }));
    expect(error).toBeInstanceOf(TransientError);
    expect(error.message).toContain(`${status}: busy`);
  });

  test.each([400, 401, 404, 422])('with %d is for good', async (status) => {
    server.routes['/'] = reply(status, {}, 'no');
    await expect(call({ url: `${server.url}/` })).rejects.toThrow(PermanentError);
  });

  test('waits as long as the server asks for, in seconds or until a date', async () => {
    server.routes['/seconds'] = reply(429, { 'retry-after': '30' });
    server.routes['/date'] = reply(503, { 'retry-after': new Date(Date.now() + 86_400_000).toUTCString() });
    const seconds = await failureOf(call({ url: `${server.url}/seconds` }));
    expect(seconds).toBeInstanceOf(RetryAfterError);
    expect(seconds).toMatchObject({ delayMs: 30_000 });
    expect(await failureOf(call({ url: `${server.url}/date` }))).toMatchObject({ delayMs: 3_600_000 });
  });

  test('does not follow a redirect', async () => {
    server.routes['/old'] = reply(302, { location: `${server.url}/new` });
    server.routes['/new'] = reply(200);
    const error = await failureOf(call({ url: `${server.url}/old` }));
    expect(error).toBeInstanceOf(PermanentError);
    expect(error.message).toContain(`${server.url}/new`);
    expect(server.requests).toHaveLength(1);
  });

  test('reads no more of a huge error page than it quotes', async () => {
    server.routes['/'] = reply(500, {}, 'x'.repeat(5_000_000));
    expect((await failureOf(call({ url: `${server.url}/` }))).message.length).toBeLessThan(1_000);
  });

  test('quotes no secret of the request, even where the server repeats it', async () => {
    server.routes['/'] = (request, response) =>
      response.writeHead(403).end(`bad token ${request.headers.authorization}`);
    const url = `http://ann:hidden-password@127.0.0.1:${server.port}/?key=hidden-query`;
    const error = await failureOf(call({ url, headers: { Authorization: 'Bearer hidden-token' } }));
    expect(error.message).toContain(`${server.url}/`);
    expect(error.message).not.toContain('hidden');
  });
});

describe('trouble on the network', () => {
  test('a server that never answers is given up after the timeout and tried again', async () => {
    server.routes['/'] = () => undefined;
    const error = await failureOf(call({ url: `${server.url}/`, timeout_ms: 50 }));
    expect(error).toBeInstanceOf(TransientError);
    expect(error.message).toMatch(/within 50 ms.*timeout_ms/);
  });

  test('a body that never ends counts against the timeout too', async () => {
    server.routes['/'] = (_request, response) => void response.writeHead(200).write('a');
    await expect(call({ url: `${server.url}/`, timeout_ms: 50 })).rejects.toThrow(/within 50 ms/);
  });

  test('a connection that is reset is tried again', async () => {
    server.routes['/'] = (request) => request.socket.resetAndDestroy();
    await expect(call({ url: `${server.url}/` })).rejects.toThrow(TransientError);
  });

  test('a connection that breaks within the body is tried again', async () => {
    server.routes['/'] = (request, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('half', () => request.socket.destroy());
    };
    await expect(call({ url: `${server.url}/` })).rejects.toThrow(TransientError);
  });

  test('a closed port is tried again, and the message keeps the password to itself', async () => {
    const closed = createServer().listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const { port } = closed.address() as AddressInfo;
    closed.close();
    await once(closed, 'close');
    const error = await failureOf(call({ url: `http://ann:hidden@127.0.0.1:${port}/` }));
    expect(error).toBeInstanceOf(TransientError);
    expect(error.message).toContain(`127.0.0.1:${port}`);
    expect(error.message).not.toContain('hidden');
  });

  test('a name that does not exist is tried again', async () => {
    await expect(call({ url: 'http://no-such-host.invalid/' })).rejects.toThrow(TransientError);
  });

  test('an abort ends the request at once, with the reason of the abort', async () => {
    const aborting = new AbortController();
    const reason = new Error('cancelled by the test');
    let hungUp: Promise<unknown> | undefined;
    server.routes['/'] = (request) => {
      hungUp = once(request.socket, 'close');
      aborting.abort(reason);
    };
    const calling = call({ url: `${server.url}/` }, undefined, contextFor({ signal: aborting.signal }));
    await expect(calling).rejects.toBe(reason);
    await hungUp;
  });
});

describe('what must not be called', () => {
  test.each(['127.0.0.1', 'localhost', '2130706433', '0x7f.1', '0.0.0.0', '[::1]', '[::ffff:127.0.0.1]'])(
    '%s is refused before any connection is made',
    async (host) => {
      const error = await failureOf(call({ url: `http://${host}:${server.port}/` }, {}));
      expect(error).toBeInstanceOf(PermanentError);
      expect(error.message).toMatch(/private network.*HTTP_ALLOW_PRIVATE/);
      expect(server.connections).toBe(0);
    },
  );

  test('a host that is not on the list is refused', async () => {
    const network = { allowPrivateNetworks: true, allowedHosts: ['*.example.test', '127.0.0.1'] };
    server.routes['/'] = reply(200);
    await expect(call({ url: `${server.url}/` }, { network })).resolves.toMatchObject({ status: 200 });
    await expect(call({ url: 'http://example.test/' }, { network })).rejects.toThrow(/HTTP_ALLOWED_HOSTS/);
  });

  test.each([
    ['another protocol', { url: 'file:///etc/passwd' }],
    ['no address', { url: 'nonsense' }],
    ['a body with GET', { url: 'http://a.test/', body: 'x' }],
    ['a header with a line end', { url: 'http://a.test/', headers: { 'x-a': 'b\r\nx-c: d' } }],
    ['another host header', { url: 'http://a.test/', headers: { Host: 'b.test' } }],
    ['a length that may be wrong', { url: 'http://a.test/', headers: { 'Content-Length': '1' } }],
    ['an unknown field', { url: 'http://a.test/', follow: true }],
  ])('the payload cannot hold %s', (_what, payload) => {
    const schema = schemaOf(jobOf(builtInJobs().jobs, 'http_request'));
    expect(schema.safeParse(payload).success).toBe(false);
  });
});
