import fastify, { type FastifyInstance } from 'fastify';
import { messageOf } from '../shared/errors.js';
import type { Installation } from '../shared/installation.js';
import type { Service } from '../shared/lifecycle/service.js';
import type { Metrics } from '../shared/observe/metrics.js';
import { packageVersion } from '../shared/package-root.js';

export interface StatusServerOptions {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  readonly installation: Installation;
  readonly metrics: Pick<Metrics, 'text' | 'contentType'>;
  /** Whether the process has started and is not stopping. */
  readonly isReady: () => boolean;
  /** What `/health` tells of the process's own components; otherwise it answers as the API's does. */
  readonly describe: () => Record<string, unknown>;
}

export interface StatusServer extends Service {
  /** Undefined when it does not listen. */
  readonly url: string | undefined;
}

/** A probe asks every few seconds and gives up sooner than a connection does. */
const PATIENCE_MS = 2_000;

/**
 * `/metrics` and `/health` of a process that serves nothing else. Jobs matter more than their metrics: when the port
 * cannot be had, the process runs without.
 */
export function createStatusServer(options: StatusServerOptions): StatusServer {
  const { host, port, installation } = options;
  let server: FastifyInstance | undefined;
  let url: string | undefined;

  return {
    name: 'status server',
    get url() {
      return url;
    },
    async start() {
      if (server) return;
      server = buildStatusServer(options);
      try {
        url = await server.listen({ host, port });
        installation.logger.info('serving /metrics and /health', { url });
      } catch (error) {
        installation.logger.warn(
          'no /metrics and /health here: cannot listen. Set METRICS_PORT to another port, to 0 for a free one, or to off',
          { METRICS_HOST: host, METRICS_PORT: port, error: messageOf(error) },
        );
        await this.stop();
      }
    },
    async stop() {
      const stopping = server;
      server = undefined;
      url = undefined;
      await stopping?.close();
    },
  };
}

/** Builds it and does not listen. */
function buildStatusServer({
  installation,
  metrics,
  isReady,
  describe,
}: StatusServerOptions): FastifyInstance {
  const server = fastify({ logger: false });

  server.get('/metrics', async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.text()),
  );
  server.get('/health/live', () => ({ status: 'ok' }));
  server.get('/health/ready', async (_request, reply) => {
    const isUp = isReady() && (await answers(pingPostgres(installation)));
    return reply.code(isUp ? 200 : 503).send({ status: isUp ? 'ok' : 'unavailable' });
  });
  server.get('/health', async (_request, reply) => {
    const [postgres, redis] = await Promise.all([
      answers(pingPostgres(installation)),
      installation.lanes ? answers(installation.lanes.isAnswering()) : undefined,
    ]);
    // Without Redis jobs run all the same, only later.
    const status = postgres ? (redis === false ? 'degraded' : 'ok') : 'unavailable';
    return reply.code(postgres ? 200 : 503).send({
      status,
      version: packageVersion,
      uptime_seconds: Math.round(process.uptime()),
      components: {
        postgres: { status: postgres ? 'ok' : 'unavailable' },
        redis: { status: redis === undefined ? 'not_configured' : redis ? 'ok' : 'unavailable' },
        ...describe(),
      },
      timestamp: new Date(),
    });
  });
  return server;
}

const pingPostgres = ({ db }: Installation): Promise<boolean> => db.query('SELECT 1').then(() => true);

async function answers(question: Promise<boolean>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<boolean>((resolve) => (timer = setTimeout(() => resolve(false), PATIENCE_MS)));
  return Promise.race([question.catch(() => false), tooLate]).finally(() => clearTimeout(timer));
}
