import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface SeenRequest {
  readonly method: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface HttpTestServer {
  readonly port: number;
  readonly url: string;
  /** Requests that were read to their end. */
  readonly requests: SeenRequest[];
  connections: number;
  /** By path; a path without an entry answers 404. */
  readonly routes: Record<string, RequestListener>;
  close(): Promise<void>;
}

/** A real HTTP server on a free port of 127.0.0.1. */
export async function startHttpServer(): Promise<HttpTestServer> {
  const routes: HttpTestServer['routes'] = {};
  const requests: SeenRequest[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    requests.push({ method: request.method, headers: request.headers, body: await text(request) });
    const route = routes[request.url?.split('?')[0] ?? ''];
    if (route === undefined) response.writeHead(404).end('nothing here');
    else route(request, response);
  };
  const server = createServer(
    (request, response) => void answer(request, response).catch(() => response.destroy()),
  );
  server.on('connection', () => (started.connections += 1));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const started: HttpTestServer = {
    port,
    url: `http://127.0.0.1:${port}`,
    requests,
    connections: 0,
    routes,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return started;
}

/** Answers with a status, and optionally headers and a text. */
export function reply(status: number, headers: Record<string, string> = {}, body = ''): RequestListener {
  return (_request, response) => response.writeHead(status, headers).end(body);
}
