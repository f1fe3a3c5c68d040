import { CommandFailure, FAILED } from '../failure.js';
import { ApiError, type ErrorBody } from './api-error.js';
import { queryString, type QueryValue } from './api-path.js';
import { readEvents, type ServerEvent } from './read-events.js';
import type { ApiAnswer, Method, Transport } from './transport.js';

type Query = Readonly<Record<string, QueryValue>>;
type Headers = Readonly<Record<string, string>>;

/**
 * Asks the HTTP API, whichever way it is reached. Each call resolves with the body of a 2xx, as the API made it, and throws
 * ApiError for any other answer, CommandFailure when there is none.
 */
export class ApiClient {
  constructor(private readonly transport: Transport) {}

  get<Answer>(path: string, query: Query = {}): Promise<Answer> {
    return this.ask('GET', path + queryString(query));
  }

  post<Answer>(path: string, body?: unknown, headers: Headers = {}): Promise<Answer> {
    return this.ask('POST', path, body, headers);
  }

  put<Answer>(path: string, body: unknown): Promise<Answer> {
    return this.ask('PUT', path, body);
  }

  patch<Answer>(path: string, body: unknown): Promise<Answer> {
    return this.ask('PATCH', path, body);
  }

  delete<Answer>(path: string, query: Query = {}): Promise<Answer> {
    return this.ask('DELETE', path + queryString(query));
  }

  /** Server-sent events, from after `lastEventId`; null: the API has nothing left to tell. */
  async events(path: string, lastEventId?: string): Promise<AsyncIterable<ServerEvent> | null> {
    const headers: Headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
    const answer = await this.transport.send({ method: 'GET', path, headers, body: undefined });
    if (answer.status === 200) return readEvents(answer.body);
    const text = await readText(answer.body);
    if (answer.status === 204) return null;
    throw this.toError(answer, text);
  }

  close(): Promise<void> {
    return this.transport.close();
  }

  private async ask<Answer>(
    method: Method,
    path: string,
    body?: unknown,
    headers: Headers = {},
  ): Promise<Answer> {
    const answer = await this.transport.send({
      method,
      path,
      headers: body === undefined ? headers : { ...headers, 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await readText(answer.body);
    const parsed = parseAnswer(text);
    if (answer.status < 300 && parsed?.success === true) return parsed as Answer;
    throw this.toError(answer, text);
  }

  private toError({ status, headers }: ApiAnswer, text: string): Error {
    const body = parseAnswer(text);
    if (isErrorBody(body)) {
      const wait = Number(headers['retry-after']);
      return new ApiError(status, body, wait > 0 ? wait : undefined);
    }
    const where = headers.location === undefined ? '' : ` and sends on to ${String(headers.location)}`;
    return new CommandFailure(
      FAILED,
      `what answers at ${this.transport.address} is not Holdfast's API: it says ${status}${where}. Check --api or HOLDFAST_API_URL`,
    );
  }
}

async function readText(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function parseAnswer(text: string): { readonly success?: unknown } | undefined {
  try {
    return (JSON.parse(text) as { success?: unknown } | null) ?? undefined;
  } catch {
    return undefined;
  }
}

function isErrorBody(body: object | undefined): body is ErrorBody {
  const { error, code } = (body ?? {}) as Record<string, unknown>;
  return typeof error === 'string' && typeof code === 'string';
}
