import { randomUUID } from 'node:crypto';
import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { chooseRequestId } from './observe-requests.js';

const STATUS_OF: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

const TYPE = 'application/json; charset=utf-8';

/** What arrived was no HTTP request that could be read, so that no route and no hook ever sees it. */
export function refuseConnection(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = STATUS_OF[error.code ?? ''] ?? 400;
  const reason = STATUS_CODES[status] ?? '';
  const body = describe({
    error: `the request could not be read: ${reason}`,
    field: status === 431 ? 'headers' : 'request',
    problem: `could not be read: ${reason}`,
    requestId: randomUUID(),
  });
  socket.end(
    `HTTP/1.1 ${status} ${reason}\r\nContent-Type: ${TYPE}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

/** `Expect`, but not of 100-continue: Node asks here instead of the routes, and would refuse it without a word. */
export function refuseExpectation(request: IncomingMessage, response: ServerResponse): void {
  const requestId = chooseRequestId(request);
  const problem = 'must be 100-continue, or not be there';
  const body = describe({ error: `Expect: ${problem}`, field: 'Expect', problem, requestId });
  response
    .writeHead(417, {
      'content-type': TYPE,
      'content-length': Buffer.byteLength(body),
      'x-request-id': requestId,
      connection: 'close',
    })
    .end(body);
}

interface Refusal {
  readonly error: string;
  readonly field: string;
  readonly problem: string;
  readonly requestId: string;
}

const describe = ({ error, field, problem, requestId }: Refusal): string =>
  JSON.stringify({
    success: false,
    error,
    code: 'validation_failed',
    details: [{ field, problem }],
    request_id: requestId,
  });
