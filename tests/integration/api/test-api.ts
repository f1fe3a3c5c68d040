import type { FastifyInstance } from 'fastify';
import { Agent, request } from 'undici';
import { buildServer, type ServerOptions } from '../../../api/build-server.js';
import type { Installation } from '../../../shared/installation.js';
import { silentLogger, type Logger } from '../../../shared/observe/logger.js';
import { createMetrics, type Metrics } from '../../../shared/observe/metrics.js';
import type { AnswerBody } from './answer-body.js';
import { createAnswerCheck, type ApiDocument } from './check-answer.js';
import { createTestInstallation, type TestInstallation } from '../../support/test-installation.js';

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
type Headers = Record<string, string>;

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly text: string;
  readonly body: AnswerBody;
}

export interface ApiServer {
  readonly app: FastifyInstance;
  readonly document: ApiDocument;
  readonly metrics: Metrics;
  readonly url: string;
  /** Anything at all, such as a body that is no JSON. */
  ask(method: Method, path: string, body?: string, headers?: Headers): Promise<Answer>;
  get(path: string, headers?: Headers): Promise<Answer>;
  post(path: string, body?: unknown, headers?: Headers): Promise<Answer>;
  patch(path: string, body?: unknown): Promise<Answer>;
  delete(path: string, headers?: Headers): Promise<Answer>;
  stop(): Promise<void>;
}

export interface ApiServerOptions extends Pick<ServerOptions, 'bodyLimit' | 'auth' | 'rateLimit'> {
  readonly logger?: Logger;
  /** Default: a free one. */
  readonly port?: number;
}

/**
 * A server that listens, on a port of its own; every answer is held against its own document. Stopping it leaves the
 * installation open.
 */
export async function startApi(
  installation: Installation,
  { logger = silentLogger, port = 0, ...options }: ApiServerOptions = {},
): Promise<ApiServer> {
  const metrics = createMetrics({ events: installation.events });
  const app = await buildServer({ installation, metrics, logger, ...options });
  const url = await app.listen({ host: '127.0.0.1', port });
  const dispatcher = new Agent();
  const document = app.swagger() as unknown as ApiDocument;
  const checkAnswer = createAnswerCheck(document);

  async function ask(method: Method, path: string, body?: string, headers: Headers = {}): Promise<Answer> {
    const answer = await request(`${url}${path}`, { method, headers, body: body ?? null, dispatcher });
    const text = await answer.body.text();
    const isJson = text !== '' && String(answer.headers['content-type']).startsWith('application/json');
    const parsed: unknown = isJson ? JSON.parse(text) : undefined;
    if (isJson) checkAnswer(method, path, answer.statusCode, parsed);
    return { status: answer.statusCode, headers: answer.headers, text, body: parsed as AnswerBody };
  }

  return {
    app,
    document,
    metrics,
    url,
    ask,
    get: (path, headers) => ask('GET', path, undefined, headers),
    post: (path, body = {}, headers = {}) =>
      ask('POST', path, JSON.stringify(body), { 'content-type': 'application/json', ...headers }),
    patch: (path, body = {}) =>
      ask('PATCH', path, JSON.stringify(body), { 'content-type': 'application/json' }),
    delete: (path, headers) => ask('DELETE', path, undefined, headers),
    stop: async () => {
      await dispatcher.close();
      await app.close();
      metrics.close();
    },
  };
}

export type TestApi = ApiServer & TestInstallation;

/** A server on a database of its own. */
export async function startTestApi({
  redis = true,
  ...options
}: ApiServerOptions & { readonly redis?: boolean } = {}): Promise<TestApi> {
  const test = await createTestInstallation({ redis });
  const server = await startApi(test.installation, options);
  return {
    ...test,
    ...server,
    close: async () => {
      await server.stop();
      await test.close();
    },
  };
}
